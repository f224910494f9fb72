"""Rollback drill: whatever is wrong with the way back, a good version serves or a person decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from amends.domain.events import EventKind
from amends.errors import ArtefactError, Unavailable
from amends.ports import Services
from amends.workflow import approve, freeze, respond, watch
from amends.workflow.promote import Step, reconcile
from amends.workflow.respond import contain
from answering import CALL, LOG, SPEC, services
from fake_registry import FakeRegistry
from fake_source import FakeSource
from rollback_world import MODEL, Model, approved, begun, frozen_at, move_to, released, serves

LATER = {"model": "lending", "start": "2026-03-01T00:00:00+00:00", "end": "2026-03-08T00:00:00+00:00"}
"""A window after everything."""
__all__ = ["services"]  # a fixture by name
NAN = float("nan")
UNFIT = {
    "raises": Model(ValueError("no such category")),
    "NaN": Model(NAN),
    "infinite": Model(float("inf")),
    "above one": Model(1.5),
    "below nought": Model(-0.1),
    "no model": object(),
}


def by_hand(world: Services) -> str:
    """An incident that a person opened."""
    day = LOG["timestamp"][0].to_pydatetime()
    return respond.resolve(world, SPEC, incident=None, request="run", reason="calls", actor="olaf", day=day)


def assessed(world: Services, incident: str, *, served_by: str, call: dict[str, Any] | None) -> None:
    """A window after everything, answered by a version."""
    shown = {"window": LATER, "origin": "batch", "assessment": "a", "rows": 1, "served_by": served_by,
             "call": call, "headline": {}}  # fmt: skip
    respond.record(world, incident, EventKind.WINDOW_ASSESSED, shown, model=MODEL)


@contextmanager
def deaf(registry: FakeRegistry) -> Iterator[None]:
    """A registry that takes every move of the alias and makes none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "point_champion", lambda *_: None)
        yield


def earlier(world: Services, kind: EventKind, payload: dict[str, Any]) -> None:
    """An incident that is over, with one fact."""
    incident = by_hand(world)
    respond.record(world, incident, kind, payload, model=MODEL)
    respond.record(world, incident, EventKind.INCIDENT_CLOSED, {"reason": "over"}, model=MODEL)


class OnceSet(dict[str, str]):
    """Aliases that can be moved but never taken away."""

    def pop(self, *_: Any) -> Any:
        """Refuse."""
        raise AssertionError("an alias was unset")

    __delitem__ = clear = pop


@pytest.fixture
def registry() -> FakeRegistry:
    """A registry that tells when a champion is unset."""
    registry = FakeRegistry()
    registry.aliases = OnceSet()
    return registry


def test_d1_without_a_previous_version_a_person_decides(services: Services, registry: FakeRegistry) -> None:
    """The first version ever stays in production, and the ledger says that there is no way back."""
    world = released(services, registry, Model())
    assert frozen_at(world, begun(world), "1")


def test_d1_without_a_champion_on_record_a_person_decides(services: Services, registry: FakeRegistry) -> None:
    """A model that was never adopted has nothing to roll back from; its alias is left alone."""
    world = released(services, registry)
    registry.register(MODEL, Model(), key="foreign", tags={}, example=None, metrics={})  # type: ignore[arg-type]
    registry.point_champion(MODEL, "1")
    assert frozen_at(world, begun(world), "1")


def test_d2_a_deleted_previous_version_is_passed_over(services: Services, registry: FakeRegistry) -> None:
    """Version 3 fails, 2 is deleted: 1 serves, however old it is."""
    world = released(services, registry, Model(), Model(), Model())
    registry.delete(MODEL, "2")
    assert serves(world, begun(world), "1")


def test_d2_where_all_are_deleted_a_person_decides(services: Services, registry: FakeRegistry) -> None:
    """With nothing left in the registry but the failing version, that one stays."""
    world = released(services, registry, Model(), Model(), Model())
    registry.delete(MODEL, "1")
    registry.delete(MODEL, "2")
    assert frozen_at(world, begun(world), "3")


def test_d2_a_target_deleted_between_record_and_alias_is_told(
    services: Services, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version vanishes after it was chosen: no retry goes on for ever, a person is asked."""
    world = released(services, registry, Model(), Model())
    incident = begun(world)

    def vanished(model: str, version: str) -> None:
        raise ArtefactError(f"no version {version} of {model}. Choose one that exists.")

    monkeypatch.setattr(registry, "point_champion", vanished)
    assert "a person must decide" in contain(world, SPEC, incident)["reason"]
    assert registry.aliased(MODEL) == "2"


def test_d3_an_altered_artefact_is_passed_over(services: Services, registry: FakeRegistry) -> None:
    """Version 2's bytes are not what was approved: 1 serves."""
    world = released(services, registry, Model(), Model(), Model())
    registry.alter(MODEL, "2")
    assert serves(world, begun(world), "1")


def test_d4_a_version_that_relapsed_before_is_passed_over(services: Services, registry: FakeRegistry) -> None:
    """Version 2 relapsed in an earlier incident and was replaced, not rolled back: it is no way back."""
    world = released(services, registry, Model(), Model())
    earlier(world, EventKind.RELAPSED, {"version": "2"})
    world.registry.register(MODEL, Model(), key="3", tags={}, example=None, metrics={})  # type: ignore[arg-type]
    move_to(world, "3", reason="bootstrap")
    assert serves(world, begun(world), "1")


@pytest.mark.parametrize(("regression", "target"), [(True, "1"), (False, "2")])
def test_d4_a_version_shown_to_be_worse_is_passed_over(
    services: Services, registry: FakeRegistry, regression: bool, target: str
) -> None:
    """Known bad is what was worse on the same rows; a fault of the world's is not held against a version."""
    world = released(services, registry, Model(), Model(), Model())
    shown = {"result": "confirmed", "reason": "r", "regression": regression, "failing": "2", "previous": "1"}
    earlier(world, EventKind.REPRODUCED, shown)
    assert serves(world, begun(world), target)


def test_d5_a_target_that_needs_a_lost_column_is_passed_over(
    services: Services, registry: FakeRegistry
) -> None:
    """Version 2 wants an income that the log no longer has: 1 serves."""
    world = released(services, registry, Model(), Model(needs=["age", "income"]), Model())
    assert serves(world, begun(world), "1")


def test_d5_a_target_older_than_a_feature_still_serves(services: Services, registry: FakeRegistry) -> None:
    """A version from before the occupation was asked for scores without it, and is a good way back."""
    world = released(services, registry, Model(needs=["age"]), Model(needs=["age", "occupation"]))
    assert serves(world, begun(world), "1")


@pytest.mark.parametrize("answer", ["label", "prediction"])
def test_d5_a_target_that_reads_the_answer_is_passed_over(
    services: Services, registry: FakeRegistry, answer: str
) -> None:
    """Label and score stand in the log's rows, but no service has them when it is asked."""
    world = released(services, registry, Model(needs=[answer]), Model())
    assert frozen_at(world, begun(world), "2")


@pytest.mark.parametrize("fault", UNFIT)
def test_d6_a_target_that_cannot_score_is_passed_over(
    services: Services, registry: FakeRegistry, fault: str
) -> None:
    """It loads, but raises or gives no probability: the next older version serves."""
    world = released(services, registry, Model(), UNFIT[fault], Model())
    assert serves(world, begun(world), "1")


@pytest.mark.parametrize("fault", UNFIT)
def test_d6_without_another_target_a_person_decides(
    services: Services, registry: FakeRegistry, fault: str
) -> None:
    """Where the only way back cannot score, the failing version stays until a person decides."""
    world = released(services, registry, UNFIT[fault], Model())
    assert frozen_at(world, begun(world), "2")


def test_d6_rows_with_holes_are_not_held_against_a_target(services: Services, registry: FakeRegistry) -> None:
    """The incident's own rows may be broken; the smoke test takes whole rows, here the reference's."""

    class Whole(Model):
        def predict(self, rows: Any) -> list[float]:
            assert len(rows) == 3
            assert rows["age"].notna().all()
            return super().predict(rows)

    world = released(services, registry, Whole(), Model())
    before = LOG.assign(age=30.0, timestamp=LOG["timestamp"] - timedelta(days=31))
    incident = begun(replace(world, source=FakeSource(LOG.assign(age=NAN))))
    assert serves(replace(world, source=FakeSource(before)), incident, "1")


def test_d6_a_log_that_is_away_does_not_stop_a_rollback(services: Services, registry: FakeRegistry) -> None:
    """Without any row to try, a version that loads is better than one that fails."""

    class Away(FakeSource):
        def batches(self, *_: Any) -> Any:
            raise Unavailable("the log does not answer. Start it.")

    world = released(services, registry, Model(), Model())
    incident = begun(replace(world, source=FakeSource(LOG.iloc[:0])))
    assert serves(replace(world, source=Away(LOG)), incident, "1")


def test_d7_a_rollback_of_a_rollback_does_not_ping_pong(services: Services, registry: FakeRegistry) -> None:
    """2 failed and 1 came back; when 1 fails, 2 is not tried again."""
    world = released(services, registry, Model(), Model())
    first = begun(world)
    assert serves(world, first, "1")
    respond.record(world, first, EventKind.INCIDENT_CLOSED, {"reason": "healthy"}, model=MODEL)
    second = by_hand(world)
    freeze.freeze(world, SPEC, second)
    respond.decide(world, SPEC, second)
    assert frozen_at(world, second, "1")


def test_d8_an_alias_that_reads_back_wrong_is_not_taken_for_done(
    services: Services, registry: FakeRegistry
) -> None:
    """While the registry answers with the old version nothing is told as contained; the retry finishes it."""
    world = released(services, registry, Model(), Model())
    incident = begun(world)
    with deaf(registry):
        for _ in range(2):
            with pytest.raises(Unavailable, match="reads 2"):
                contain(world, SPEC, incident)
        assert not world.ledger.events(incident=incident, kinds=[EventKind.CONTAINED])
        assert registry.aliased(MODEL) == "2"
    assert serves(world, incident, "1")


def test_d8_a_rollback_given_up_is_finished_by_the_next_sweep(
    services: Services, registry: FakeRegistry
) -> None:
    """The failed step stands on record; when the registry obeys again, whoever reconciles completes it."""
    world = released(services, registry, Model(), Model())
    incident = begun(world)
    with deaf(registry), pytest.raises(Unavailable):
        contain(world, SPEC, incident)
    assert reconcile(world.ledger, registry, MODEL).step is Step.COMPLETED
    assert serves(world, incident, "1")


def test_d8_windows_of_the_old_version_prove_no_recovery(services: Services, registry: FakeRegistry) -> None:
    """The service goes on with the version that was left: the incident stays open however quiet it is."""
    world = released(services, registry, Model(), Model())
    incident = begun(world)
    assert serves(world, incident, "1")
    assessed(world, incident, served_by="2", call=None)
    assert watch.watch(world, SPEC) is None
    assert not world.ledger.events(incident=incident, kinds=[EventKind.INCIDENT_CLOSED])


def test_d9_a_candidate_of_the_old_epoch_is_not_promoted(services: Services, registry: FakeRegistry) -> None:
    """A retrained version judged beside the failing champion is refused once that was rolled back."""
    world = released(services, registry, Model(), Model())
    incident = begun(world)
    said = approved(world, incident)
    assert serves(world, incident, "1")
    done = approve.promote_candidate(world, SPEC, incident, said)
    assert done["promoted"] is False
    assert "epoch" in " ".join(done["reasons"])
    assert world.ledger.events(incident=incident, kinds=[EventKind.PROMOTION_REFUSED])
    assert registry.aliased(MODEL) == "1"


@pytest.mark.parametrize(("first", "target"), [(Model(), "1"), (Model(NAN), None)])
def test_a_relapse_goes_back_by_the_same_rules(
    services: Services, registry: FakeRegistry, first: Model, target: str | None
) -> None:
    """A promoted version that relapses leads to an earlier one that scores, or to a person."""
    world = released(services, registry, first, Model())
    incident = begun(world)
    registry.register(MODEL, Model(), key="remedy", tags={}, example=None, metrics={})  # type: ignore[arg-type]
    move_to(world, "3", reason="promotion", incident=incident)
    assessed(world, incident, served_by="3", call=CALL)
    assert watch.watch(world, SPEC) == "relapsed"
    assert registry.aliased(MODEL) == (target or "3")
    skipped = world.ledger.events(incident=incident, kinds=[EventKind.CONTAINMENT_SKIPPED])
    assert [("a person must decide" in one.payload["reason"]) for one in skipped] == [True] * (target is None)
