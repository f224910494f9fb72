"""A trial on a real PostgreSQL: the demo's scoring step serves it, the watch looks and ends it."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.postgres import PostgresLedger, connect
from amends.adapters.postgres_windows import PostgresWindows
from amends.demo import serving
from amends.domain.events import EventKind
from amends.domain.trial import answers, trial_of
from amends.domain.window import Window
from amends.errors import Unavailable
from amends.measures.trial_rows import shadow_spec
from amends.ports import Services
from amends.workflow import trial
from amends.workflow.trial_scoring import Scored
from amends.workflow.trial_start import start
from trial_story import INCIDENT, SPEC, Lender, registry, week


@dataclass
class OnPostgres(Lender):
    """The lender with its ledger, its log and its shadow log in PostgreSQL."""

    dsn: str = ""

    @property
    def services(self) -> Services:
        """The ports on the database; the shadow log is a table beside the log."""
        return replace(super().services, source=PostgresWindows(self.dsn), shadow=None)

    def logs_batch(self, window: Window, answered: Scored) -> None:
        """Write as the demo does."""
        serving.log_batch(self.dsn, SPEC, window, answered.log, shadow=answered.shadow)

    def rows(self, *, shadow: bool = False) -> pd.DataFrame:
        """The log, or the shadow log, as Amends reads it."""
        spec = shadow_spec(SPEC) if shadow else SPEC
        return pa.Table.from_batches(PostgresWindows(self.dsn).batches(spec, None)).to_pandas()


@pytest.fixture
def lender(fresh_dsn: Callable[[], str]) -> OnPostgres:
    """A database with nothing in it but the tables."""
    dsn = fresh_dsn()
    serving.create_log(dsn, SPEC)
    return OnPostgres(dsn=dsn, ledger=PostgresLedger(dsn), registry=registry())


def test_a_bad_challenger_in_the_shadow_is_aborted_and_nobody_was_answered_by_it(lender: OnPostgres) -> None:
    """Everybody gets the champion's answer; the look ends the trial; one that was killed adds nothing."""
    start(lender.opens("2").services, SPEC, INCIDENT, "shadow", actor="ada")
    lender.serves(0)

    ended = trial.look(lender.services, SPEC)
    before = [event.hash for event in lender.ledger.events()]

    assert ended is not None
    assert ended["outcome"] == "aborted"
    assert set(lender.rows()["model_version"]) == {"1"}
    assert set(lender.rows(shadow=True)["model_version"]) == {"2"}
    assert len(lender.rows(shadow=True)) == len(lender.rows()) == week(0).rows
    champion = lender.ledger.champion(SPEC.name)
    assert champion is not None
    assert (champion.version, lender.registry.aliased(SPEC.name)) == ("1", "1")
    assert trial.look(lender.services, SPEC) is None
    assert [event.hash for event in lender.ledger.events()] == before
    assert lender.serves(1).shadow is None, "the next batch is scored by the champion alone"
    assert lender.ledger.verify().intact


def test_a_good_challenger_in_the_shadow_passes(lender: OnPostgres) -> None:
    """The same relation learnt from more rows: within the margin after a week or two."""
    start(lender.opens("3").services, SPEC, INCIDENT, "shadow", actor="ada")
    lender.serves(0)
    lender.serves(1)

    ended = trial.look(lender.services, SPEC)

    assert ended is not None
    assert ended["outcome"] == "passed"
    assert ended["found"]["harm"]["upper"] < 0.02
    assert ended["found"]["failures"]["mean"] == 0


def test_a_canary_answers_its_share_each_id_alike_and_the_log_says_who(lender: OnPostgres) -> None:
    """The share lies within four standard deviations of 0.2, a batch served twice changes no answer."""
    lender.limits = {"trial.unapproved_share": 0.2}
    begun = start(lender.opens("3").services, SPEC, INCIDENT, "canary", 0.2, actor="ada")
    first = lender.serves(0)
    again = lender.serves(0)
    logged = lender.rows()

    counts = Counter(logged["model_version"])
    n = week(0).rows
    assert set(counts) == {"1", "3"}
    assert abs(counts["3"] - 0.2 * n) < 4 * math.sqrt(0.2 * 0.8 * n)
    assert list(first.log["model_version"]) == list(again.log["model_version"])
    assert len(logged) == n
    told = dict(zip(logged["application_id"], logged["model_version"], strict=True))
    recorded = trial_of(lender.trials(EventKind.TRIAL_STARTED)[0])
    assert all(answers(recorded, row) == version for row, version in told.items())
    assert recorded == begun
    assert lender.rows(shadow=True).empty
    looked = trial.look(lender.services, SPEC)
    assert looked is not None
    assert looked["found"]["failures"] == {**looked["found"]["failures"], "mean": 0.0}
    assert looked["found"]["harm"]["lower"] < 0.02


def test_a_bad_canary_is_aborted_and_the_champion_answers_everybody_again(lender: OnPostgres) -> None:
    """By the third week the biased release, on two fifths of the rows, is surely worse than the margin."""
    lender.limits = {"trial.unapproved_share": 0.5}
    start(lender.opens("2").services, SPEC, INCIDENT, "canary", 0.4, actor="ada")
    outcome, weeks = None, 0
    while outcome is None and weeks < 3:
        lender.serves(weeks)
        looked = trial.look(lender.services, SPEC)
        assert looked is not None
        outcome, weeks = looked["outcome"], weeks + 1

    assert outcome == "aborted"
    assert set(lender.serves(weeks).log["model_version"]) == {"1"}


def test_a_failing_canary_is_stood_in_for_and_aborted(lender: OnPostgres) -> None:
    """A challenger without a number for half of its rows: the champion answers those, and the trial ends."""
    lender.limits = {"trial.unapproved_share": 0.5}
    start(lender.opens("4").services, SPEC, INCIDENT, "canary", 0.5, actor="ada")
    answered = lender.serves(0)

    ended = trial.look(lender.services, SPEC)

    assert answered.log["score"].notna().all()
    assert lender.rows(shadow=True)["score"].isna().all()
    assert not lender.rows(shadow=True).empty
    assert ended is not None
    assert ended["outcome"] == "aborted"
    assert "without a usable score" in ended["reason"]


def test_without_a_shadow_log_no_trial_starts(lender: OnPostgres) -> None:
    """The missing table is named before any scoring step would write to it."""
    with connect(lender.dsn) as connection:
        connection.execute("DROP TABLE public.lending_predictions_shadow")
    with pytest.raises(Unavailable, match="lending_predictions_shadow' of model 'lending' does not"):
        start(lender.opens("3").services, SPEC, INCIDENT, "shadow", actor="ada")
    assert lender.trials() == []


def test_amends_may_read_the_shadow_log_and_not_write_it(lender: OnPostgres) -> None:
    """The services' role is granted SELECT and nothing else on it."""
    with connect(lender.dsn) as connection:
        rights = connection.execute(
            "SELECT privilege_type FROM information_schema.table_privileges"
            " WHERE table_name = 'lending_predictions_shadow' AND grantee = 'amends_app'"
        ).fetchall()
    assert rights == [("SELECT",)]
