"""A model's weeks: what each week's assessment found, and what the monitor makes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from amends.adapters.files import load_policy
from amends.domain.decision import Situation, decide
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import spec_from_document
from amends.domain.window import Window
from amends.ports import Ledger, Services
from amends.workflow import opening
from fake_registry import FakeRegistry
from fakes import FakeLedger
from samples import FULL

SPEC = spec_from_document({**FULL, "name": "lending", "importance": "high"}, "lending.yaml")
POLICY = load_policy()


def services(ledger: Ledger | None = None) -> Services:
    """A model without history, on fakes, or on a ledger of one's own."""
    nothing: Any = None
    return Services(
        ledger=ledger or FakeLedger(), registry=FakeRegistry(), source=nothing, quality=nothing,
        fairness=nothing, reporter=nothing, trainer=nothing, imputer=nothing, mitigator=nothing,
        policy=POLICY,
    )  # fmt: skip


def week(number: int) -> Window:
    """The window of a week."""
    start = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(weeks=number)
    return Window("lending", start, start + timedelta(weeks=1))


def breach(category: Category, times: float = 1.5, column: str | None = None) -> Finding:
    """A breach so many times its limit."""
    return Finding(
        category=category, metric="m", verdict=Verdict.BREACH, reason=f"{category} {times:g}", column=column,
        value=times, threshold=1.0,
    )  # fmt: skip


def assessed(house: Services, number: int, *found: Category | Finding, version: str = "1") -> str:
    """Record what a week's assessment found, as the monitor does."""
    findings = [one if isinstance(one, Finding) else breach(one) for one in found]
    situation = Situation(inputs=("age", "occupation"), window_end=week(number).end.isoformat())
    call = decide(findings, importance="high", policy=house.policy, situation=situation)
    document = {
        "policy": {"digest": house.policy.digest}, "findings": [one.document() for one in findings],
        "incident": call.document() if call else None, "week": number,
        "situation": {**situation.document(), "importance": "high"},
    }  # fmt: skip
    evidence = house.ledger.put_evidence("assessment", document)
    payload = {"window": week(number).document(), "origin": "calendar", "assessment": evidence, "rows": 1,
               "served_by": version, "call": document["incident"], "headline": {}}  # fmt: skip
    with house.ledger.transaction("lending") as ledger:
        kind = EventKind.WINDOW_ASSESSED
        ledger.append(NewEvent(kind=kind, key=f"assessed:{number}", model="lending", payload=payload))
    return evidence


def seen(house: Services, number: int, *found: Category | Finding, version: str = "1") -> str | None:
    """Assess a week and open what it calls for."""
    evidence = assessed(house, number, *found, version=version)
    return opening.open_incident(house, SPEC, week(number), evidence)
