"""Real incidents of real data, walked through a running Airflow where their folder is at hand."""

import json
import os
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from amends.adapters.postgres import PostgresLedger
from amends.demo.walk import RESPONSE
from amends.domain.events import EventKind
from amends.domain.window import Window, as_utc
from amends.stack import Running
from amends.stack.client import AirflowUser
from waiting import until

CASES = Path(os.environ.get("AMENDS_CASES", Path(__file__).parents[3] / "shared" / "data" / "cases"))
pytestmark = [
    pytest.mark.stack,
    pytest.mark.cases,
    pytest.mark.skipif(not CASES.is_dir(), reason=f"no incident cases in {CASES}: set AMENDS_CASES"),
]
CASE = "compas_race_fpr"


def spec_of(case: dict[str, Any], reference: Window) -> dict[str, Any]:
    """The model spec that a case's column roles describe, as a team would write it for its own table."""
    roles = case["columns"]
    return {
        "schema_version": 1,
        "name": case["case_id"],
        "task": "binary_classification",
        "importance": "high",
        "owner": "cases",
        "decision_threshold": case["decision_threshold"],
        "favourable_label": case["favourable_label"],
        "columns": {
            "numeric": roles["features_numeric"],
            "categorical": roles["features_categorical"],
            **{
                name: roles[name]
                for name in (
                    "id", "timestamp", "model_version", "score", "predicted_label", "label", "sensitive",
                )
            },
        },
        "source": {"kind": "postgres", "connection": "amends_db", "table": f"public.{case['case_id']}"},
        "windows": {
            "reference": {"start": reference.start.isoformat(), "end": reference.end.isoformat()},
            "length_days": 30,
        },
        "schedule": "0 6 * * *",
    }  # fmt: skip


def span_of(rows: Any, column: str, model: str) -> Window:
    """The window that holds all rows."""
    start, end = (as_utc(rows[column].agg(which).to_pydatetime()) for which in ("min", "max"))
    return Window(model, start.astimezone(UTC), end + timedelta(seconds=1))


def load(running: Running, table: str, *frames: Any) -> None:
    """Write frames into a table of the amends database that the services may read."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(running.owner_dsn.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        for frame in frames:
            frame.to_sql(table, connection, schema="public", if_exists="append", index=False)
        connection.execute(sqlalchemy.text(f'GRANT SELECT ON public."{table}" TO amends_app'))
    engine.dispose()


def test_a_real_bias_case_becomes_an_incident_that_people_take_over(stack: Running) -> None:
    """A published disparity by race, as a prediction log in Postgres: monitor, incident, response, story."""
    import pandas as pd

    folder = CASES / CASE
    case = json.loads((folder / "case_public.json").read_text())
    reference, current = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "current"))
    moment = case["columns"]["timestamp"]
    window = span_of(current, moment, CASE)
    load(stack, CASE, reference, current)
    spec = spec_of(case, span_of(reference, moment, CASE))
    (Path(stack.env["AMENDS_SPECS"]) / f"{CASE}.yaml").write_text(yaml.safe_dump(spec))
    ledger = PostgresLedger(stack.dsn)
    with ledger.transaction(CASE) as transaction:
        transaction.announce("batch", window.key, window.document())

    operator = AirflowUser(stack.airflow_url, "operator", stack.users["operator"])
    opened = until(
        lambda: ledger.events(model=CASE, kinds=[EventKind.INCIDENT_OPENED]), "the incident", seconds=180
    )[0]
    call = opened.payload["call"]
    assert call["category"] == "fairness"
    assert call["playbook"] in {"mitigate_bias", "revalidate"}
    assert "race" in json.dumps(ledger.evidence(opened.payload["assessment"])["findings"])
    until(
        lambda: ledger.events(incident=opened.incident, kinds=[EventKind.HANDED_TO_PEOPLE]), "the hand-over"
    )
    until(lambda: operator.run_state(RESPONSE, str(opened.incident)) == "success", "the end of the response")
    until(lambda: ledger.events(incident=opened.incident, kinds=[EventKind.NARRATED]), "the story")
