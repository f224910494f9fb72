"""The diagnosis of an incident on its frozen rows, with faults that were planted by hand."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from amends.domain.events import EventKind
from amends.domain.narrative import narrative
from amends.errors import Unavailable
from amends.measures.localise import Course, locate, numeric_cells
from amends.measures.signature import Paired, signature, worst_slices
from amends.measures.slices import Condition
from amends.workflow.diagnose import diagnose
from amends.workflow.respond import only
from diagnosing import INCIDENT, ONSET, SPEC, about, blind_in_the_south, diagnosed, good, incident
from fake_source import FakeSource
from remedy_story import WINDOW, healthy

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_regression_is_signed_by_slice_and_third() -> None:
    """Version 2 fails in the south only: the south is named, in all thirds; as a whole it is half as bad."""
    given = incident(healthy(), good, blind_in_the_south)
    document = diagnosed(given)
    table = {(one["slice"], one["third"]): one for one in document["signature"]["cells"]}
    log = healthy()
    rows = log[log["at"] >= WINDOW.start]

    def loss(model: Any) -> Any:
        score = np.clip(model(rows), 0.001, 0.999)
        return -np.log(np.where(rows["repaid"] == 1, score, 1 - score))

    whole = table[("all rows", None)]
    assert (whole["before"], whole["now"]) == (
        pytest.approx(loss(good).mean()), pytest.approx(loss(blind_in_the_south).mean())
    )  # fmt: skip
    south = (rows["region"] == "south").to_numpy()
    assert table[("region = south", None)]["now"] == pytest.approx(
        loss(blind_in_the_south)[south].mean(), rel=0.1
    )
    assert {third for name, third in table if name == "region = south"} == {None, 0, 1, 2}
    assert all(table[("region = south", third)]["rise"]["value"] > 0.5 for third in range(3))
    assert not any(name.startswith("region = north") for name, _ in table)
    breached = [one["groups"] for one in document["findings"] if one["metric"] == "regression_log_loss"]
    assert ["region = south"] in breached
    assert any("region = south" in line for line in only(given, INCIDENT, EventKind.DIAGNOSED)["reasons"])


def test_a_fault_is_named_with_its_column_and_its_beginning() -> None:
    """Income in thousandths from day 7 on: that column alone, from that slot on, until the end."""
    log = healthy()
    log = log.assign(income=log["income"].where(log["at"] < ONSET, log["income"] * 1000))
    document = diagnosed(incident(log, good, findings=about("income", "rent", "region")))
    [fault] = document["faults"]
    assert fault["column"] == "income"
    start = datetime.fromisoformat(fault["start"])
    assert abs(start - ONSET) <= timedelta(days=1)
    assert fault["goes_on"]
    share = (WINDOW.end - ONSET) / (WINDOW.end - WINDOW.start)
    assert fault["rows"] / fault["of"] == pytest.approx(share, abs=0.05)
    finding = next(one for one in document["findings"] if one["metric"] == "fault_located")
    assert (finding["column"], finding["verdict"]) == ("income", "breach")


@pytest.mark.parametrize("days", [(3, 6), (0, 20), (12, 20)])
def test_values_that_went_missing_for_a_while_are_found_in_time(days: tuple[int, int]) -> None:
    """From one day to another: beginning and end are within a slot, also where it is all of the window."""
    log = healthy()
    begin, end = (WINDOW.start + timedelta(days=day) for day in days)
    log = log.assign(region=log["region"].mask((log["at"] >= begin) & (log["at"] < end)))
    [fault] = diagnosed(incident(log, good, findings=about("income", "region")))["faults"]
    assert (fault["column"], fault["gained"]) == ("region", "missing")
    assert abs(datetime.fromisoformat(fault["start"]) - begin) <= timedelta(days=1)
    assert abs(datetime.fromisoformat(fault["end"]) - end) <= timedelta(days=1)
    assert fault["goes_on"] == (days[1] == 20)


def test_nothing_is_located_where_nothing_is_wrong() -> None:
    """A healthy window has no fault in time, and no slice that lost; one version has none before."""
    named = about(*SPEC.columns.features)
    document = diagnosed(incident(healthy(), good, findings=named))
    assert document["faults"] == document["examples"] == []
    assert document["unanswered"]["signature"] == "there is no version before to compare with"
    same = diagnosed(incident(healthy(), good, good))
    assert {one["slice"] for one in same["signature"]["cells"]} == {"all rows"}


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_one_kind_are_no_fault(seed: int) -> None:
    """Twenty columns of noise: no stretch is called one (expected by chance: 20 in a million)."""
    rng = np.random.default_rng(seed)
    moments = pa.array(
        [WINDOW.start + timedelta(minutes=9 * i) for i in range(3000)], pa.timestamp("us", "UTC")
    )
    cells = numeric_cells(rng.normal(size=4000), rng.normal(size=3000))
    assert locate("x", cells, Course.of(moments), least=0.0) is None


def test_the_signature_by_hand() -> None:
    """Sixty rows; the slice's odd half is measured, thirds are means of differences, ten rows are hidden."""
    n = 60
    third, region = np.repeat([0, 1, 2], 20), np.array([0] * 40 + [1] * 20)
    now = np.where(region == 1, 3.0, 1.0)
    rows = Paired(
        np.ones(n), now, third, np.arange(n) % 2, (Condition("region", ("= a", "= b")),), region[None, :]
    )
    # slices need 11 rows in the half that chooses, and region b has ten there
    assert worst_slices(rows, 1, 3) == []
    cells = {(one.slice, one.third): one for one in signature(rows, [(0, 1)])}
    whole = cells[("all rows", None)]
    assert (whole.before, whole.now, whole.rise.value) == (
        1.0,
        pytest.approx(100 / 60),
        pytest.approx(40 / 60),
    )
    assert (cells[("all rows", 0)].now, cells[("all rows", 2)].now) == (1.0, 3.0)
    assert cells[("region = b", None)].rows == 0
    assert cells[("region = b", None)].now is None


def test_a_diagnosis_is_made_once_and_told() -> None:
    """A retried task finds the first one's; the story tells it line by line."""
    given = incident(healthy(), good, blind_in_the_south)
    first = diagnose(given, SPEC, INCIDENT)
    assert diagnose(given, SPEC, INCIDENT) == first
    assert len(given.ledger.events(kinds=[EventKind.DIAGNOSED])) == 1
    story = narrative(given.ledger.events(incident=INCIDENT))
    assert "**diagnosed**" in story
    assert "another group's value moves no score" in story
    again = incident(healthy(), good, blind_in_the_south)
    assert diagnose(again, SPEC, INCIDENT) == first  # same rows, same bytes


def test_what_cannot_be_answered_is_told_and_holds_up_nothing() -> None:
    """No rows, no reference, an artefact that does not load: each with its reason, and the rest goes on."""
    log = healthy()
    bare = replace(SPEC, windows=None)
    given = incident(log, good, blind_in_the_south, findings=about("income"), spec=bare)
    given.registry.alter(SPEC.name, "2")  # type: ignore[attr-defined]
    payload = diagnose(given, bare, INCIDENT)
    said = " ".join(payload["reasons"])
    assert "not answered: what the decisions hang on (" in said
    assert "altered" in said
    assert "no windows section" in said
    document = given.ledger.evidence(payload["evidence"])
    assert set(document["unanswered"]) == {"counterfactual", "faults", "signature"}


def test_a_service_that_is_away_is_waited_for() -> None:
    """Nothing is recorded; the next attempt diagnoses."""

    class Away(FakeSource):
        def batches(self, *_: Any) -> Any:
            raise Unavailable("PostgreSQL does not answer. Start it.")

    given = incident(healthy(), good, findings=about("income"))
    with pytest.raises(Unavailable):
        diagnose(replace(given, source=Away(healthy())), SPEC, INCIDENT)
    assert not given.ledger.events(kinds=[EventKind.DIAGNOSED])


def test_only_columns_of_which_findings_speak_are_looked_at() -> None:
    """Two columns changed; of hours no finding speaks, as of the weekday, which changes in any stretch."""
    log = healthy()
    late = log["at"] >= ONSET
    log = log.assign(
        income=log["income"].mask(late, log["income"] * 1000), hours=log["hours"].mask(late, 0.5)
    )
    both = {
        one["column"] for one in diagnosed(incident(log, good, findings=about("income", "hours")))["faults"]
    }
    one = {one["column"] for one in diagnosed(incident(log, good, findings=about("income")))["faults"]}
    assert (both, one) == ({"income", "hours"}, {"income"})
    assert diagnosed(incident(log, good))["faults"] == []


def test_a_regression_is_signed_by_its_errors_and_asked_no_yes_or_no() -> None:
    """Absolute errors of both versions by hand; what has no decision is told, and nothing else stops."""
    spec = replace(SPEC, task="regression", favourable_label=None)
    log = healthy()
    log = log.assign(repaid=good(log), score=good(log), decision=good(log))
    document = diagnosed(incident(log, good, blind_in_the_south, spec=spec), spec)
    rows = log[log["at"] >= WINDOW.start]
    whole = document["signature"]["cells"][0]
    off = np.abs(rows["repaid"] - blind_in_the_south(rows)).mean()
    assert document["signature"]["loss"] == "absolute_error"
    assert (whole["before"], whole["now"]) == (pytest.approx(0, abs=1e-12), pytest.approx(off))
    assert "no yes or no (regression)" in document["unanswered"]["counterfactual"]
