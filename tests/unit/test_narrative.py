"""The story of an incident reads in order, with times, names, numbers and reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from amends.domain.events import GENESIS, Event, EventKind, NewEvent, seal
from amends.domain.incident import incident_from_events, incident_id, open_incident_of
from amends.domain.narrative import TELL, narrative
from amends.domain.review import approval_body, code

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
INCIDENT = "lending-20260301-0a1b2c3d"
CALL = {
    "category": "fairness",
    "categories": ["fairness", "performance"],
    "severity": "SEV1",
    "playbook": "rollback",
    "playbooks": ["rollback", "retrain"],
    "because": ["rule version-regression: version 2 answers 100 % of the window"],
}
WINDOW = {"model": "lending", "start": "2026-02-15T00:00:00+00:00", "end": "2026-03-01T00:00:00+00:00"}
OPENED = (EventKind.INCIDENT_OPENED, {"call": CALL, "window": WINDOW, "assessment": "sha256:aa"})


def story(*steps: tuple[EventKind, dict], actor: str = "amends", model: str = "lending") -> list[Event]:
    """Events two minutes apart."""
    events: list[Event] = []
    for number, (kind, payload) in enumerate(steps):
        new = NewEvent(
            kind=kind, key=f"{kind}{number}", model=model, incident=INCIDENT, actor=actor, payload=payload
        )
        at = START + timedelta(minutes=2 * number)
        events.append(seal(new, seq=number + 1, at=at, previous=events[-1].hash if events else GENESIS))
    return events


def test_each_step_is_a_row_in_order_with_its_time_and_numbers() -> None:
    """Opened, contained, answered, promoted: four rows, minutes after the opening beside them."""
    text = narrative(
        story(
            OPENED,
            (EventKind.CONTAINED, {"from": "2", "to": "1", "epoch": 3}),
            (
                EventKind.APPROVAL_ANSWERED,
                {"choice": "Approve", "person": "lena", "role": "legal", "rationale": "fair enough again"},
            ),
            (EventKind.CHAMPION_MOVED, {"version": "3", "epoch": 4, "reason": "promotion"}),
        )
    )
    rows = [line for line in text.splitlines() if line.startswith("- ")]
    assert [row.partition("(+")[2].partition(")")[0] for row in rows] == [
        "0 min 00 s",
        "2 min 00 s",
        "4 min 00 s",
        "6 min 00 s",
    ]
    assert rows[0].startswith("- **12:00:00**")
    assert "SEV1" in rows[0]
    assert "from version `2` to `1`" in rows[1]
    assert "**Approve** for legal, answered by `lena`" in rows[2]
    assert "    - `fair enough again`" in text.splitlines()
    assert "version `3`" in rows[3]


def test_recovery_is_told_with_the_numbers_before_and_after() -> None:
    """The reader sees what the window that opened the incident showed, beside what is measured now."""
    numbers = {"selection_rate_ratio[sex]": 0.99, "auc": 0.81, "accuracy": 0.78}
    before = {"auc": 0.59, "selection_rate_ratio[sex]": 0.55}
    text = narrative(
        story(
            OPENED,
            (EventKind.RECOVERED, {"version": "3", "window": WINDOW, "headline": numbers, "before": before}),
        )
    )
    assert "AUC 0.810 (was 0.590), accuracy 0.780, selection-rate ratio by sex 0.990 (was 0.550)" in text


def test_a_story_needs_a_beginning() -> None:
    """Events without an opening are no incident."""
    with pytest.raises(ValueError, match="incident_opened"):
        narrative(story((EventKind.CONTAINED, {"from": "2", "to": "1"})))


def test_every_event_of_an_incident_has_a_sentence() -> None:
    """Only what belongs to no incident, or is the story itself, goes untold."""
    silent = {
        EventKind.VERSION_APPROVED,
        EventKind.WINDOW_ASSESSED,
        EventKind.WINDOW_TRIAGED,
        EventKind.REPORT_DRAWN,
        EventKind.MONITOR_FAILURE,
        EventKind.NARRATED,
    }
    assert set(EventKind) - set(TELL) == silent


def test_data_cannot_leave_its_code_span() -> None:
    """Backticks, pipes, braces and newlines of data would end the span, the table row or start a template."""
    shown = code("a`b|c\n{{ conn.x }}<script>")
    assert shown.count("`") == 2
    assert not set("|\n{}") & set(shown)


def test_an_incident_is_open_until_it_is_closed() -> None:
    """The fold sees the closing event."""
    events = story(OPENED)
    found = incident_from_events(events)
    assert found is not None
    assert found.open
    assert open_incident_of(events) == INCIDENT
    closed = story(OPENED, (EventKind.INCIDENT_CLOSED, {"reason": "recovered"}))
    assert open_incident_of(closed) is None


def test_an_incidents_id_follows_its_facts() -> None:
    """Equal facts, equal id; another window or policy, another id; safe as a run id."""
    one = incident_id("lending", START, "w1", "sha256:p", "fairness")
    assert one == incident_id("lending", START, "w1", "sha256:p", "fairness")
    assert one != incident_id("lending", START, "w2", "sha256:p", "fairness")
    assert one.startswith("lending-20260301-")
    assert one.replace("-", "").replace("_", "").isalnum()


def test_a_reviewer_reads_what_happened_what_was_done_and_what_is_asked() -> None:
    """The request holds the comparison, the evidence digest and the way to say no."""
    incident = incident_from_events(story(OPENED))
    assert incident is not None
    finding = {"metric": "auc", "attribute": None, "column": None, "value": 0.82, "reference_value": 0.8}
    body = approval_body(
        incident,
        validated={
            "candidate": {"version": "3"},
            "champion": {"version": "1"},
            "blessed": True,
            "reasons": ["not worse anywhere"],
        },
        validation={"findings": [{**finding, "threshold": 0.78, "verdict": "pass"}]},
        contained={"from": "2", "to": "1"},
        diagnosis=["income is not what it was from 2026-02-17 00:00 on", *["more {{ 7*7 }}"] * 20],
        evidence="sha256:" + "e" * 64,
        link="http://127.0.0.1:8080/dags/respond_to_incident/runs/x",
    )
    assert "| Ranking, AUC (1 is best) | 0.800 | 0.820 | 0.780 | ok |" in body
    assert "rolled back from version `2` to `1`" in body
    assert "`evidence:sha256:" + "e" * 64 + "`" in body
    assert "the answer is Reject" in body
    assert "- `income is not what it was from 2026-02-17 00:00 on`" in body
    assert "9 more in the ledger." in body
    assert "{{" not in body


def test_a_reviewer_of_a_bias_mitigation_sees_what_each_way_costs() -> None:
    """The curve stands on the page, the chosen attempt is marked, and so is how the version came to be."""
    incident = incident_from_events(story(OPENED))
    assert incident is not None
    row = {"auc": 0.8, "selection_rate_ratio": 0.4, "true_positive_rate_difference": 0.05}
    rows = [
        {"method": "parent", "strength": 0.0, "accuracy": 0.87, **row},
        {"method": "reduction", "strength": 0.5, "accuracy": 0.85, **row, "selection_rate_ratio": 0.85},
    ]
    body = approval_body(
        incident,
        validated={
            "candidate": {"version": "3", "method": "mitigate_bias"}, "champion": {"version": "1"},
            "blessed": True, "reasons": [],
        },
        validation={"findings": []},
        contained=None,
        tradeoff={"chosen": {"method": "reduction", "strength": 0.5}, "rows": rows},
        evidence="sha256:" + "e" * 64,
        link="http://127.0.0.1/run",
    )  # fmt: skip
    assert "| `parent` | 0.000 | 0.870 | 0.800 | 0.400 | 0.050 |" in body
    assert "| **`reduction`** (this version) | 0.500 | 0.850 | 0.800 | 0.850 | 0.050 |" in body
    assert "A new version, `3`, was made so that groups come out more alike." in body


def compared(
    metric: str, verdict: str, attribute: str | None = None, threshold: float = 0.8
) -> dict[str, Any]:
    """A finding of the gate."""
    return {
        "metric": metric, "attribute": attribute, "column": None, "value": 0.9, "reference_value": 0.7,
        "threshold": threshold, "verdict": verdict, "reason": "| <img src=x> {{ 7*7 }}",
    }  # fmt: skip


def test_the_comparison_shows_a_measure_once_with_its_gravest_verdict_first() -> None:
    """Limit and change of one measure are one row; what is not ok comes first; row checks are counted."""
    incident = incident_from_events(story(OPENED))
    assert incident is not None
    findings = [
        compared("auc", "pass"),
        compared("auc_change", "pass", threshold=0.75),
        compared("selection_rate_ratio", "pass", "sex"),
        compared("selection_rate_ratio_change", "inconclusive", "sex", threshold=0.6),
        compared("null_increase", "pass"),
        compared("unit_factor", "breach"),
        compared("stress_unanswered_missing", "breach"),
    ]
    body = approval_body(
        incident,
        validated={
            "candidate": {"version": "3"}, "champion": {"version": "1"}, "blessed": True, "reasons": [],
        },
        validation={"findings": findings},
        contained=None,
        evidence="sha256:" + "e" * 64,
        link="http://127.0.0.1/run",
    )  # fmt: skip
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    assert rows[1:] == [
        "| Ratio of favourable decisions (1 is equal) by `sex` | 0.700 | 0.900 | 0.800 | cannot tell |",
        "| Ranking, AUC (1 is best) | 0.700 | 0.900 | 0.800 | ok |",
    ]
    assert "1 of 3 checks of the rows, and of the version on made-up ones, hold:" in body
    assert "- **not ok**: `unit factor` `<img src=x>   7*7`" in body
    assert "- **not ok**: `unanswered missing` on made-up rows `<img src=x>   7*7`" in body
