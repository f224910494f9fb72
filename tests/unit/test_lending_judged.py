"""The demo's story as Amends' own rooms judge it: an incident where there is one, and only there."""

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy, load_spec
from amends.demo import lending
from amends.demo.training import train, train_on_officers
from amends.domain.assessment import Assessment
from amends.domain.window import Window
from amends.measures.digests import WindowDigest
from amends.measures.scoring import rescored, scorer_of
from amends.workflow.assess import assess
from amends.workflow.digest import digest_window
from amends.workflow.gate import gate
from amends.workflow.remedy import HOLDOUT, split_by_time
from amends.workflow.rows import labelled_rows
from fake_quality import FakeQuality
from fake_source import FakeSource

SPEC = load_spec(Path(__file__).parents[2] / "include" / "models" / "lending.yaml")
POLICY = load_policy(None)
LOGGED = (lending.REFERENCE, lending.HEALTHY, lending.BAD)


@cache
def release(number: str) -> Any:
    """Release 1 or 2, or 3: retrained on the log of both."""
    if number == "3":
        log = FakeSource(pd.concat([served("1", LOGGED[0]), served("1", LOGGED[1]), served("2", LOGGED[2])]))
        older, _, _ = split_by_time(SPEC, labelled_rows(log, SPEC, None), HOLDOUT)
        return train(older.to_pandas(), SPEC)
    return {"1": train, "2": train_on_officers}[number](lending.applications(lending.HISTORY), SPEC)


@cache
def served(number: str, period: lending.Period) -> pd.DataFrame:
    """A period's log, had the release served it."""
    empty = lending.applications(period).assign(score=0.0, approved=0, model_version="")
    rows = pa.Table.from_pandas(empty[list(SPEC.columns.all)], preserve_index=False)
    return rescored(SPEC, rows, number, scorer_of(release(number))).to_pandas()


def digest(number: str, period: lending.Period, like: WindowDigest | None = None) -> WindowDigest:
    """Digest of a period as a release served it."""
    window = Window(SPEC.name, period.start, period.end)
    return digest_window(SPEC, FakeSource(served(number, period)), window, like=like)


@cache
def judged(number: str, period: lending.Period) -> Assessment:
    """What the default policy says of a period served by a release."""
    reference = digest("1", lending.REFERENCE)
    current = digest(number, period, like=reference)
    return assess(SPEC, POLICY, reference, current, quality=FakeQuality(), fairness=FairlearnMetrics())


@pytest.mark.parametrize(("number", "period"), [("1", lending.HEALTHY), ("3", lending.RECOVERED)])
def test_a_well_served_window_raises_nothing(number: str, period: lending.Period) -> None:
    """Release 1 in its window and the remedy in the next: no finding is a breach."""
    found = judged(number, period)

    assert found.incident is None
    assert [one for one in found.findings if one.is_breach] == []


def test_the_bad_release_asks_for_a_roll_back_first() -> None:
    """Performance and fairness broke with a new version while inputs stayed: roll back, then retrain."""
    found = judged("2", lending.BAD)

    assert found.incident is not None
    assert found.incident.playbooks[:2] == ("rollback", "retrain")
    assert {"performance", "fairness"} <= set(found.incident.categories)
    assert "data_drift" not in found.incident.categories
    assert found.incident.severity in {"SEV1", "SEV2"}


def test_the_gate_blesses_the_remedy_and_not_the_bad_release() -> None:
    """On rows that neither was trained on, the remedy is no worse than release 1; release 2 is."""
    reference = digest("1", lending.REFERENCE)
    tables = {
        number: pa.Table.from_pandas(served(number, lending.RECOVERED), preserve_index=False)
        for number in ("1", "2", "3")
    }
    blessed = {
        number: gate(
            SPEC, POLICY, FakeQuality(),
            reference=reference, champion=tables["1"], candidate=tables[number],
        ).blessed
        for number in ("2", "3")
    }  # fmt: skip

    assert blessed == {"2": False, "3": True}
