"""The README's own model: its spec, its training function and its first champion, run as they stand there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from amends import cli
from amends.adapters.mlflow_registry import MlflowRegistry
from amends.domain.window import Window
from documents import blocks, page, section
from mlflow_store import new_store, quiet

README = page("README.md")
pytestmark = [*quiet]


def _rows(n: int = 400) -> Any:
    """Customers as the README's spec names their columns: those on a dear plan leave more often."""
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(7)
    fee = draw.uniform(10, 90, n)
    return pd.DataFrame(
        {
            "age": draw.integers(18, 80, n),
            "months": draw.integers(1, 60, n),
            "monthly_fee": fee,
            "plan": draw.choice(["basic", "full"], n),
            "region": draw.choice(["north", "south"], n),
            "left": (draw.uniform(0, 100, n) < fee).astype(int),
        }
    )


def test_the_readmes_model_becomes_champion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pg_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Spec, training function and the call that enters the first champion work together, word for word."""
    short, long = blocks(section(README, "1. The spec"), "yaml")
    spec = {**yaml.safe_load(short), **yaml.safe_load(long), "name": "churn_of_the_readme"}
    (tmp_path / "churn.yaml").write_text(yaml.safe_dump(spec))
    (tmp_path / "acme").mkdir()
    (training,) = blocks(section(README, "3. The training function"), "python")
    (tmp_path / "acme" / "churn.py").write_text(training)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, Any] = {
        "spec_file": tmp_path / "churn.yaml",
        "mlflow_uri": new_store(tmp_path),
        "ledger_dsn": pg_dsn,
        "rows": _rows(),
    }
    (entry,) = blocks(section(README, "4. Enter the first champion"), "python")
    monkeypatch.setenv("AMENDS_DSN", pg_dsn)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", names["mlflow_uri"])
    registry = MlflowRegistry(names["mlflow_uri"])
    for _ in range(2):  # a person may well do it twice
        exec(compile(entry, "README.md", "exec"), names)  # noqa: S102 - the page is what is tested
        assert cli.run(["adopt", "--spec", str(names["spec_file"]), "--version", "1", "--by", "ada"]) == 0
        assert "version 1 is champion, on record by ada" in capsys.readouterr().out
        assert registry.aliased("churn_of_the_readme") == "1"
    scores = registry.load(names["version"])(names["rows"])
    dear = names["rows"]["monthly_fee"] > 60
    assert scores[dear].mean() > scores[~dear].mean() + 0.2


def test_a_second_champion_is_not_adopted(
    tmp_path: Path, pg_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a champion is on record, another version is refused by name, with exit code 1 and one line."""
    from amends.adapters.postgres import PostgresLedger
    from amends.domain.promotion import Move

    (short, _) = blocks(section(README, "1. The spec"), "yaml")
    (tmp_path / "spec.yaml").write_text(short.replace("name: churn", "name: churn_adopted"))
    with PostgresLedger(pg_dsn).transaction("churn_adopted") as ledger:
        ledger.move_champion(
            Move(
                key="by hand",
                model="churn_adopted",
                version="7",
                digest="sha256:0",
                seen_epoch=0,
                reason="bootstrap",
            )
        )
    call = ["adopt", "--spec", str(tmp_path / "spec.yaml"), "--version", "8", "--by", "ada", "--dsn", pg_dsn]
    assert cli.run([*call, "--registry", new_store(tmp_path)]) == 1
    assert "has version 7 as its champion on record" in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_service_with_the_rights_of_the_readme_announces_a_batch_once(
    fresh_dsn: Callable[[], str],
) -> None:
    """USAGE on the schema, SELECT and INSERT on the outbox are enough; the second announcement is nothing."""
    import psycopg

    told = section(README, "2. The prediction log")
    assert "`USAGE` on schema `amends`" in told
    (announcement,) = blocks(told, "sql")
    with (
        psycopg.connect(fresh_dsn(), autocommit=True) as connection,
        connection.transaction(force_rollback=True),
    ):
        connection.execute("CREATE ROLE readme_service")
        connection.execute("GRANT USAGE ON SCHEMA amends TO readme_service")
        connection.execute("GRANT SELECT, INSERT ON amends.outbox TO readme_service")
        connection.execute("SET LOCAL ROLE readme_service")
        assert connection.execute(announcement.encode()).rowcount == 1
        assert connection.execute(announcement.encode()).rowcount == 0
        (row,) = connection.execute("SELECT key, payload FROM amends.outbox").fetchall()
    assert Window.from_document(row[1]).key == row[0]
