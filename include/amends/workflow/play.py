"""Carry a playbook out step by step: each step once, each with a criterion, and each with a way back.

A step whose criterion is not met, or that cannot be done here (too few rows, no training function), ends its
playbook: what was done so far is taken back, last step first, and a person goes on. That is a recorded no and
not a failure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from amends.domain.events import Event, EventKind
from amends.domain.playbook import Playbook, Step
from amends.domain.spec import ModelSpec
from amends.errors import AmendsError, Unavailable
from amends.ports import Services
from amends.workflow.playbooks import Facts, StepKind, kind_of
from amends.workflow.respond import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended: its facts, or why its playbook ended (``ended``)."""

    facts: Facts
    ended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookRun:
    """One playbook on one incident, with the house's steps at hand."""

    services: Services
    spec: ModelSpec
    incident: str
    playbook: Playbook
    house: Mapping[str, StepKind]

    def run(self, name: str) -> Outcome:
        """Carry out one step, once per incident and playbook; a retry returns what the first attempt did.

        :raises Unavailable: a service is away; nothing is taken back, the step is to be tried again.
        """
        failed = self._event(EventKind.PLAYBOOK_FAILED)
        if failed is not None:
            return Outcome(facts={}, ended=str(failed.payload["reason"]))
        step = self.playbook.step(name)
        kind = kind_of(step, self.house)
        try:
            facts = self._once(step, kind)
        except Unavailable:
            raise
        except AmendsError as no:
            self.take_back(name, str(no))
            return Outcome(facts={}, ended=str(no))
        reason = kind.unmet(facts)
        if reason:
            self.take_back(name, reason)
        return Outcome(facts=facts, ended=reason)

    def take_back(self, name: str, reason: str) -> None:
        """Undo what was done up to a step, last first, and record that the playbook ended; safe to repeat."""
        undone = []
        for step in self.playbook.before(name):
            done = self._event(EventKind.STEP_DONE, step)
            if done is None:
                continue
            undone.append(step.name)
            kind = kind_of(step, self.house)
            if self._event(EventKind.STEP_TAKEN_BACK, step) is None:
                kind.undo(self.services, self.spec, self.incident, done.payload["facts"])
                self._note(EventKind.STEP_TAKEN_BACK, step, {"way_back": kind.way_back, "reason": reason})
        payload = {"playbook": self.playbook.name, "step": name, "reason": reason, "taken_back": undone}
        record(
            self.services, self.incident, EventKind.PLAYBOOK_FAILED,
            {**payload, "owner": self.playbook.owner}, model=self.spec.name, step=self.playbook.name,
        )  # fmt: skip

    def _once(self, step: Step, kind: StepKind) -> Facts:
        done = self._event(EventKind.STEP_DONE, step)
        if done is not None:
            found: Facts = done.payload["facts"]
            return found
        facts = dict(kind.run(self.services, self.spec, self.incident, step.options))
        self._note(EventKind.STEP_DONE, step, {"facts": facts})
        return facts

    def _note(self, kind: EventKind, step: Step, facts: Facts) -> None:
        payload = {"playbook": self.playbook.name, "step": step.name, **facts}
        key = f"{self.playbook.name}:{step.name}"
        record(self.services, self.incident, kind, payload, model=self.spec.name, step=key)

    def _event(self, kind: EventKind, step: Step | None = None) -> Event | None:
        for event in self.services.ledger.events(incident=self.incident, kinds=[kind]):
            mine = event.payload["playbook"] == self.playbook.name
            if mine and (step is None or event.payload["step"] == step.name):
                return event
        return None
