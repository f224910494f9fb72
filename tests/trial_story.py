"""A lender that tries a challenger on live rows: version 1 serves, 2 is bad, 3 is as good, 4 fails."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from amends.adapters.files import load_policy, load_spec
from amends.demo import lending, serving
from amends.demo.lending import Period
from amends.demo.training import train, train_on_officers
from amends.domain.approval import Answer
from amends.domain.events import Event, EventKind, NewEvent
from amends.domain.promotion import Move
from amends.domain.window import Window
from amends.measures.trial_rows import shadow_spec
from amends.ports import Ledger, Services
from amends.workflow import respond
from amends.workflow.promote import promote
from amends.workflow.trial_scoring import Scored
from amends.workflow.trial_start import start
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger

SPEC = load_spec(Path(__file__).parents[1] / "include" / "models" / "lending.yaml")
INCIDENT = "i-1"
NEVER: Any = None
ROLES = ["data-science", "product"]
PEOPLE = {"data-science": "dana", "product": "petra"}


class Broken:
    """A model that gives no number for every other row."""

    def predict(self, rows: pd.DataFrame) -> Any:
        """Score half of the rows."""
        return np.where(np.arange(len(rows)) % 2, 0.5, np.nan)


@cache
def models() -> tuple[Any, Any, Any]:
    """A fair release, a biased one, and the fair one fitted on other days."""
    days = [replace(lending.HISTORY, days=20), replace(lending.HISTORY, start=lending.HISTORY.start, days=40)]
    first, more = (lending.applications(period) for period in days)
    return train(first, SPEC), train_on_officers(first, SPEC), train(more, SPEC)


def registry() -> FakeRegistry:
    """All four versions."""
    made = FakeRegistry()
    for number, model in enumerate([*models(), Broken()], start=1):
        made.register(SPEC.name, model, key=str(number), tags={}, example=NEVER, metrics={})
    return made


def week(number: int) -> Period:
    """A week of applications after the reference."""
    return Period(f"week {number}", lending.REFERENCE.end + timedelta(days=7 * number), 7)


@dataclass
class Lender:
    """Serves weeks, and keeps logs in memory; a subclass may keep them elsewhere."""

    ledger: Ledger = field(default_factory=FakeLedger)
    registry: FakeRegistry = field(default_factory=registry)
    limits: dict[str, float] = field(default_factory=dict)
    logs: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        """The ports as they are now."""
        empty = pd.DataFrame(columns=list(shadow_spec(SPEC).columns.all))
        policy = load_policy(None)
        return Services(
            ledger=self.ledger, registry=self.registry,
            source=FakeSource(self.logs.get("log", empty)), shadow=FakeSource(self.logs.get("shadow", empty)),
            quality=NEVER, fairness=NEVER, reporter=NEVER, trainer=NEVER, imputer=NEVER, mitigator=NEVER,
            policy=policy.overridden({"limits": self.limits}, "test") if self.limits else policy,
        )  # fmt: skip

    def opens(self, candidate: str, *, blessed: bool = True) -> "Lender":
        """Version 1 serves, incident i-1 is open, and a candidate was validated for it."""
        self.moves("1", epoch=0)
        call = {
            "severity": "SEV3", "category": "fairness", "categories": ["fairness"], "because": ["r"],
            "playbook": "mitigate_bias", "playbooks": ["mitigate_bias"],
        }  # fmt: skip
        facts = {"call": call, "window": None, "assessment": "sha256:0"}
        self.tells(EventKind.INCIDENT_OPENED, facts)
        champion = self.ledger.champion(SPEC.name)
        assert champion is not None
        version = self.registry.version(SPEC.name, candidate)
        pair = {
            "candidate": {"version": version.version, "digest": version.digest},
            "champion": {"version": "1", "digest": champion.digest, "epoch": champion.epoch},
        }
        document = {"findings": []}
        validation = self.ledger.put_evidence("validation", document)
        facts = {**pair, "blessed": blessed, "reasons": ["all holds"], "validation": validation}
        self.tells(EventKind.CANDIDATE_VALIDATED, facts)
        return self

    def moves(self, version: str, *, epoch: int) -> None:
        """Make a version champion."""
        digest = self.registry.version(SPEC.name, version).digest
        reason = "promotion" if epoch else "bootstrap"
        move = Move(
            key=f"m{epoch}", model=SPEC.name, version=version, digest=digest, seen_epoch=epoch, reason=reason
        )
        promote(self.ledger, self.registry, move)

    def approved(self, *, rejects: str | None = None) -> None:
        """Two roles were asked and answered; one may have rejected."""
        validated = respond.only(self.services, INCIDENT, EventKind.CANDIDATE_VALIDATED)
        asked = {"evidence": "sha256:e", "roles": ROLES, "candidate": validated["candidate"]}
        self.tells(EventKind.APPROVAL_REQUESTED, asked)
        for role in ROLES:
            answer = Answer(
                role=role, person=PEOPLE[role], choice="Reject" if role == rejects else "Approve",
                rationale="read all of the evidence", answered_at=None, evidence="sha256:e",
                assignees=(role,),
            )  # fmt: skip
            facts = {**answer.document(), "requested": "sha256:e"}
            self.tells(EventKind.APPROVAL_ANSWERED, facts, step=role)

    def tells(self, kind: EventKind, facts: dict[str, Any], step: str = "") -> None:
        """Append an event of the incident."""
        respond.record(self.services, INCIDENT, kind, facts, model=SPEC.name, step=step)

    def serves(self, number: int, *, change: Callable[[Scored], Scored] = lambda one: one) -> Scored:
        """Answer a week of applications, log it, and have its window assessed."""
        period = week(number)
        answered = change(serving.answer(self.ledger, self.registry, SPEC, lending.applications(period)))
        window = Window(SPEC.name, period.start, period.end)
        self.logs_batch(window, answered)
        with self.ledger.transaction(SPEC.name) as transaction:
            transaction.append(
                NewEvent(
                    kind=EventKind.WINDOW_ASSESSED,
                    key=f"assessed:{window.key}",
                    model=SPEC.name,
                    payload={"window": window.document()},
                )
            )
        return answered

    def logs_batch(self, window: Window, answered: Scored) -> None:
        """Keep the rows in memory."""
        del window
        for name, rows in (("log", answered.log), ("shadow", answered.shadow)):
            if rows is not None:
                known = self.logs.get(name)
                self.logs[name] = rows if known is None else pd.concat([known, rows], ignore_index=True)

    def trials(self, *kinds: EventKind) -> list[Event]:
        """Events of trials."""
        found = kinds or (EventKind.TRIAL_STARTED, EventKind.TRIAL_LOOKED, EventKind.TRIAL_ENDED)
        return list(self.ledger.events(model=SPEC.name, kinds=found))


def shadowed(candidate: str, **limits: float) -> Lender:
    """A shadow trial of a version has begun."""
    lender = Lender(limits=limits).opens(candidate)
    start(lender.services, SPEC, INCIDENT, "shadow", actor="ada")
    return lender
