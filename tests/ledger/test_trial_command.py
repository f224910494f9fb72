"""`amends trial` in the hands of an operator, on a real PostgreSQL and a real MLflow store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from amends.adapters.mlflow_registry import MlflowRegistry
from amends.adapters.postgres import PostgresLedger
from amends.cli import run
from amends.demo import lending, serving
from amends.domain.window import Window
from amends.workflow.trial_scoring import Scored
from mlflow_store import new_store, quiet
from trial_story import INCIDENT, SPEC, Lender, models

pytestmark = [*quiet]
Captured = pytest.CaptureFixture[str]
START = ["start", "--incident", INCIDENT, "--by", "ada"]
PATH = str(Path(__file__).parents[2] / "include" / "models" / "lending.yaml")


class Shop(Lender):
    """The lender on a database and a registry that are really there."""

    dsn: str

    def logs_batch(self, window: Window, answered: Scored) -> None:
        """Write as the demo does."""
        serving.log_batch(self.dsn, SPEC, window, answered.log, shadow=answered.shadow)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registry with both releases."""
    made = new_store(tmp_path_factory.mktemp("mlflow"))
    example = lending.applications(lending.HEALTHY).head(50)
    for number, model in enumerate(models()[:2], start=1):
        MlflowRegistry(made).register(SPEC.name, model, key=str(number), tags={}, example=example, metrics={})
    return made


@pytest.fixture
def shop(fresh_dsn: Callable[[], str], store: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Version 1 serves, the biased release was blessed as version 2 all the same."""
    dsn = fresh_dsn()
    serving.create_log(dsn, SPEC)
    monkeypatch.setenv("AMENDS_DSN", dsn)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    made = Shop(ledger=PostgresLedger(dsn), registry=MlflowRegistry(store))  # type: ignore[arg-type]
    made.dsn = dsn
    made.opens("2")
    return made


def trial(*words: str) -> int:
    """Run `amends trial`."""
    return run(["trial", *words[:1], "--spec", PATH, *words[1:]])


def test_a_trial_is_started_served_looked_at_and_shown(shop: Shop, capsys: Captured) -> None:
    """From the first command to the abort, each with its document; the sandbox scores the challenger."""
    assert trial("show") == 0
    assert "no trial" in capsys.readouterr().out
    assert trial("start", "--incident", INCIDENT, "--by", "ada", "--json") == 0
    begun = json.loads(capsys.readouterr().out)
    assert (begun["mode"], begun["challenger"]["version"], begun["share"]) == ("shadow", "2", 0.0)
    assert "key" not in begun
    answered = shop.serves(0)
    assert answered.shadow is not None
    assert answered.shadow["score"].notna().all()
    assert trial("look") == 0
    told = capsys.readouterr().out
    assert "outcome    aborted" in told
    assert "because    its decisions widen the gap between sex=female and sex=male by more than" in told
    assert trial("show", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["outcome"], shown["version"], shown["windows"]) == ("aborted", "2", 1)
    assert not {"key", "state"} & set(shown)


def test_a_trial_is_stopped_in_a_persons_name(shop: Shop, capsys: Captured) -> None:
    """The second stop finds nothing to stop: exit code 1."""
    assert trial("start", "--incident", INCIDENT, "--by", "ada") == 0
    assert trial("stop", "--by", "ada", "--reason", "holidays") == 0
    assert "outcome    stopped\nbecause    holidays" in capsys.readouterr().out
    assert trial("stop", "--by", "ada", "--reason", "holidays") == 1
    assert shop.ledger.verify().intact


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["start", "--by", "ada"], 2, "--incident is needed"),
        (["start", "--incident", INCIDENT], 2, "--by is needed"),
        (["start", "--incident", "i-2", "--by", "ada"], 2, "incident 'i-2' is not in the ledger"),
        ([*START, "--mode", "mirror"], 2, "trial mode is 'mirror'"),
        ([*START, "--share", "0.2"], 2, "has no share"),
        ([*START, "--mode", "canary", "--share", "0.6"], 2, "at most 0.5"),
        ([*START, "--mode", "canary"], 1, "nobody was asked"),
        (["stop", "--by", "ada"], 2, "--reason is needed"),
        (["begin"], 2, "Invalid value"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_what_cannot_be_done_is_one_line(words: list[str], code: int, why: str, capsys: Captured) -> None:
    """Wrong input ends 2, a no ends 1; each with one line on stderr."""
    assert trial(*words) == code
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1
