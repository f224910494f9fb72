"""A model with a history of versions, of which the newest fails: what a rollback drill begins with."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from amends.domain.approval import Answer
from amends.domain.events import EventKind
from amends.domain.promotion import Move
from amends.ports import ModelRegistry, Services
from amends.workflow import approve, freeze, respond
from amends.workflow.promote import promote
from answering import LOG, SPEC, opened
from fake_source import FakeSource
from fakes import FakeLedger

AGES = LOG.assign(age=[20.0, 40.0, 60.0])
MODEL = SPEC.name


class Model:
    """Scores every row alike, from the columns it names.

    :param scores: what it gives for each row; an exception is raised instead.
    """

    def __init__(self, scores: float | Exception = 0.5, needs: Sequence[str] = ("age",)) -> None:
        self.scores, self.feature_names_in_ = scores, np.array(needs)

    def predict(self, rows: pd.DataFrame) -> list[float]:
        """One number a row."""
        if isinstance(self.scores, Exception):
            raise self.scores
        return [self.scores] * len(rows)


def released(services: Services, registry: ModelRegistry, *models: Any, examples: Any = ()) -> Services:
    """A world in which these models were champion, one after the other; its log has ages."""
    world = replace(services, ledger=FakeLedger(), registry=registry, source=FakeSource(AGES))
    for number, model in enumerate(models):
        example = examples[number] if examples else AGES[["age"]]
        version = registry.register(MODEL, model, key=str(number), tags={}, example=example, metrics={})
        move_to(world, version.version, reason="bootstrap")
    return world


def move_to(world: Services, number: str, *, reason: str, incident: str | None = None) -> None:
    """Make a version champion, whoever is it now."""
    now = world.ledger.champion(MODEL)
    epoch, digest = now.epoch if now else 0, world.registry.version(MODEL, number).digest
    move = Move(
        key=f"{reason}:{number}:{epoch}", model=MODEL, version=number, digest=digest, seen_epoch=epoch,
        reason=reason, incident=incident,
    )  # fmt: skip
    promote(world.ledger, world.registry, move)


def begun(world: Services) -> str:
    """An incident, frozen and decided, about to be contained."""
    incident = opened(world)
    freeze.freeze(world, SPEC, incident)
    respond.decide(world, SPEC, incident)
    return incident


def serves(world: Services, incident: str, number: str) -> bool:
    """The incident was contained: record, alias and what is told agree on this version."""
    done = respond.contain(world, SPEC, incident)
    told = world.ledger.events(incident=incident, kinds=[EventKind.CONTAINED])
    champion = world.ledger.champion(MODEL)
    recorded = champion.version if champion else None
    return len(told) == 1 and done["to"] == recorded == world.registry.aliased(MODEL) == number


def frozen_at(world: Services, incident: str, number: str) -> bool:
    """Nothing was moved, the alias stands where it stood, and the ledger says that a person must decide."""
    reason = respond.contain(world, SPEC, incident)["reason"]
    skipped = world.ledger.events(incident=incident, kinds=[EventKind.CONTAINMENT_SKIPPED])
    moved = world.ledger.events(incident=incident, kinds=[EventKind.CHAMPION_MOVED])
    alone = len(skipped) == 1 and not moved and skipped[0].payload["reason"] == reason
    return alone and "a person must decide" in reason and world.registry.aliased(MODEL) == number


def approved(world: Services, incident: str) -> list[Answer]:
    """A candidate validated beside the champion of this moment, and everybody's yes to it."""
    registry, champion = world.registry, world.ledger.champion(MODEL)
    assert champion is not None
    made = registry.register(MODEL, Model(), key="candidate", tags={}, example=None, metrics={})  # type: ignore[arg-type]
    payload = {
        "candidate": {"version": made.version, "digest": made.digest}, "blessed": True, "reasons": ["good"],
        "champion": {"version": champion.version, "digest": champion.digest, "epoch": champion.epoch},
        "validation": world.ledger.put_evidence("validation", {"findings": []}),
    }  # fmt: skip
    respond.record(world, incident, EventKind.CANDIDATE_VALIDATED, payload, model=MODEL)
    request = approve.request_approvals(world, SPEC, incident, link="http://127.0.0.1/run")
    said = [
        Answer(
            role=role, person=f"for {role}", choice="Approve", rationale="read all of the evidence",
            answered_at="2026-03-01T12:30:00+00:00",
            evidence=request["evidence"], assignees=(f"role:{role}",),
        )
        for role in request["roles"]
    ]  # fmt: skip
    approve.record_answers(world, SPEC, incident, said)
    return said
