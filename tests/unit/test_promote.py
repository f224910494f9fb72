"""The champion moves by compare and set, and the registry's alias follows the record."""

from dataclasses import replace

import pytest
from amends.domain.events import EventKind, NewEvent
from amends.domain.promotion import Move
from amends.errors import ArtefactError, Refused, Superseded, Unavailable
from amends.workflow.promote import Step, promote, reconcile, rollback_target
from fake_registry import FakeRegistry
from fakes import FakeLedger

MODEL = "credit"


@pytest.fixture
def ledger() -> FakeLedger:
    """Give an empty ledger."""
    return FakeLedger()


@pytest.fixture
def registry() -> FakeRegistry:
    """Give a registry with versions 1, 2 and 3 of the tests' model."""
    from sklearn.linear_model import LogisticRegression

    registry = FakeRegistry()
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    for key in ("first", "second", "third"):
        registry.register(MODEL, fitted, key=key, tags={}, example=None, metrics={})  # type: ignore[arg-type]
    return registry


def move(registry: FakeRegistry, version: str, seen_epoch: int, reason: str = "promotion") -> Move:
    """Make a move to a version of the registry."""
    digest = registry.version(MODEL, version).digest
    key = f"{reason}:{version}:{seen_epoch}"
    return Move(key=key, model=MODEL, version=version, digest=digest, seen_epoch=seen_epoch, reason=reason)


def kinds(ledger: FakeLedger) -> list[str]:
    """Kinds of all events, in order."""
    return [str(event.kind) for event in ledger.events()]


WALK = ["promotion_intended", "champion_moved", "promotion_completed"]


def test_a_promotion_is_intended_made_and_completed(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """The record, the alias and the announcement agree on the new champion, each step on record once."""
    champion = promote(ledger, registry, move(registry, "1", 0, "bootstrap"))
    assert (champion.version, champion.epoch, registry.aliased(MODEL)) == ("1", 1, "1")
    assert kinds(ledger) == WALK
    assert [row.payload["version"] for row in ledger.pending("champion_moved")] == ["1"]


def test_promoting_twice_is_promoting_once(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A second call with the same move writes nothing and returns the same champion."""
    wish = move(registry, "1", 0)
    assert promote(ledger, registry, wish) == promote(ledger, registry, wish)
    assert kinds(ledger) == WALK
    assert len(ledger.pending("champion_moved")) == 1


def test_a_late_retry_does_not_bring_an_old_champion_back(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A retry of a move that was followed by another leaves the alias at the newer champion."""
    old = move(registry, "1", 0)
    promote(ledger, registry, old)
    promote(ledger, registry, move(registry, "2", 1))
    assert promote(ledger, registry, old).version == "1"
    assert registry.aliased(MODEL) == "2"
    assert ledger.champion(MODEL).version == "2"  # type: ignore[union-attr]


def test_a_move_on_a_past_epoch_is_superseded(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A candidate validated against an older champion is not promoted over the newer one."""
    promote(ledger, registry, move(registry, "1", 0))
    promote(ledger, registry, move(registry, "2", 1))
    with pytest.raises(Superseded, match="epoch 1"):
        promote(ledger, registry, move(registry, "3", 1))
    assert registry.aliased(MODEL) == "2"


def test_other_bytes_than_validated_are_refused(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A version whose content is not what the move names changes neither record nor alias."""
    wish = replace(move(registry, "1", 0), digest="sha256:" + "0" * 64)
    with pytest.raises(Refused, match="not sha256:000"):
        promote(ledger, registry, wish)
    assert (kinds(ledger), registry.aliased(MODEL)) == ([], None)


def test_a_deleted_candidate_is_refused(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A version deleted between validation and promotion is refused, not half promoted."""
    wish = move(registry, "2", 0)
    registry.delete(MODEL, "2")
    with pytest.raises(Refused, match="no version 2"):
        promote(ledger, registry, wish)
    assert kinds(ledger) == []


def test_a_foreign_alias_stops_a_promotion(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """When somebody moved the alias by hand, nothing is promoted on top of it."""
    promote(ledger, registry, move(registry, "1", 0))
    registry.point_champion(MODEL, "3")
    with pytest.raises(Superseded, match="points to version 3"):
        promote(ledger, registry, move(registry, "2", 1))


def test_a_foreign_alias_does_not_stop_a_rollback(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A rollback goes through: it leads to an approved version."""
    promote(ledger, registry, move(registry, "1", 0))
    promote(ledger, registry, move(registry, "2", 1))
    registry.point_champion(MODEL, "3")
    promote(ledger, registry, move(registry, "1", 2, "rollback"))
    assert registry.aliased(MODEL) == "1"


def test_a_rollback_leads_away_from_a_deleted_champion(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A champion that is gone from the registry cannot block the way back."""
    promote(ledger, registry, move(registry, "1", 0))
    promote(ledger, registry, move(registry, "2", 1))
    registry.delete(MODEL, "2")
    promote(ledger, registry, move(registry, "1", 2, "rollback"))
    assert registry.aliased(MODEL) == "1"


def test_a_registry_that_is_down_leaves_a_move_to_finish(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """Nothing is recorded while the registry is down; the same move goes through when it is back."""
    wish = move(registry, "1", 0)
    registry.down = True
    with pytest.raises(Unavailable):
        promote(ledger, registry, wish)
    assert kinds(ledger) == []
    registry.down = False
    promote(ledger, registry, wish)
    assert kinds(ledger) == WALK


def test_an_alias_that_does_not_hold_is_an_error(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A registry that accepts the alias but keeps another is caught by reading back."""
    registry.point_champion = lambda model, version: None  # type: ignore[method-assign,assignment]  # noqa: ARG005
    with pytest.raises(Unavailable, match="reads None"):
        promote(ledger, registry, move(registry, "1", 0))
    assert "promotion_completed" not in kinds(ledger)


def test_reconciling_without_a_champion_says_so(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A model that was never promoted has nothing to reconcile, whatever its alias."""
    registry.point_champion(MODEL, "3")
    found = reconcile(ledger, registry, MODEL)
    assert (found.step, found.alias) == (Step.NO_CHAMPION, "3")
    assert registry.aliased(MODEL) == "3"


def test_a_foreign_alias_is_told_and_put_back_on_demand(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """An alias moved by somebody else is reported as it is; only ``restore`` sets it back."""
    promote(ledger, registry, move(registry, "1", 0))
    assert reconcile(ledger, registry, MODEL).step is Step.IN_STEP
    registry.point_champion(MODEL, "3")
    assert reconcile(ledger, registry, MODEL).step is Step.FOREIGN
    assert registry.aliased(MODEL) == "3"
    assert reconcile(ledger, registry, MODEL, restore=True).step is Step.RESTORED
    assert registry.aliased(MODEL) == "1"
    assert kinds(ledger) == WALK


def test_a_champion_recreated_under_its_number_is_noticed(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A version deleted and registered anew under the same number is other bytes, so it is an error."""
    promote(ledger, registry, move(registry, "1", 0))
    (version, estimator), *rest = registry.stored[MODEL]
    registry.stored[MODEL] = [(replace(version, digest="sha256:" + "f" * 64), estimator), *rest]
    with pytest.raises(ArtefactError, match="not sha256:"):
        reconcile(ledger, registry, MODEL)


def test_a_rollback_goes_to_the_newest_good_champion(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """From version 3 the way back is version 2; with 2 known to be bad it is version 1."""
    for number, version in enumerate(["1", "2", "3"]):
        promote(ledger, registry, move(registry, version, number))
    assert rollback_target(ledger, registry, MODEL, known_bad=["3"]) == registry.version(MODEL, "2")
    assert rollback_target(ledger, registry, MODEL, known_bad=["3", "2"]) == registry.version(MODEL, "1")
    assert rollback_target(ledger, registry, MODEL, known_bad=["1", "2", "3"]) is None


def test_a_rollback_falls_through_what_is_gone_or_altered(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A deleted version and one whose artefact was altered are passed over for an older good one."""
    late = registry.register(
        MODEL,
        registry.stored[MODEL][0][1],
        key="fourth",
        tags={},
        example=None,
        metrics={},  # type: ignore[arg-type]
    )
    for number, version in enumerate(["1", "2", "3", late.version]):
        promote(ledger, registry, move(registry, version, number))
    registry.delete(MODEL, "3")
    registry.alter(MODEL, "2")
    assert rollback_target(ledger, registry, MODEL, known_bad=[late.version]) == registry.version(MODEL, "1")


def test_a_rollback_does_not_return_to_what_it_left(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """After 1, 2, back to 1, 3: the way back from 3 is 1, not 2 which a rollback left."""
    promote(ledger, registry, move(registry, "1", 0))
    promote(ledger, registry, move(registry, "2", 1))
    promote(ledger, registry, move(registry, "1", 2, "rollback"))
    promote(ledger, registry, move(registry, "3", 3))
    assert rollback_target(ledger, registry, MODEL, known_bad=[]) == registry.version(MODEL, "1")


def test_a_rollback_that_goes_wrong_does_not_ping_pong(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """After 1, 2 and back to 1, a bad 1 does not lead to 2 again: nobody is left, a person decides."""
    promote(ledger, registry, move(registry, "1", 0))
    promote(ledger, registry, move(registry, "2", 1))
    promote(ledger, registry, move(registry, "1", 2, "rollback"))
    assert rollback_target(ledger, registry, MODEL, known_bad=["1"]) is None


def test_a_retry_of_a_move_long_done_asks_nothing_new(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A move that was carried out stays carried out, though its version is deleted since."""
    old = move(registry, "1", 0)
    promote(ledger, registry, old)
    promote(ledger, registry, move(registry, "2", 1))
    registry.delete(MODEL, "1")
    assert promote(ledger, registry, old).version == "1"
    assert len(ledger.events()) == 6


def test_an_approved_version_is_a_way_back(ledger: FakeLedger, registry: FakeRegistry) -> None:
    """A version on record as approved can be rolled back to, though it never was champion."""
    digest = registry.version(MODEL, "1").digest
    approved = NewEvent(
        kind=EventKind.VERSION_APPROVED, key="ok", model=MODEL, payload={"version": "1", "digest": digest}
    )
    with ledger.transaction(MODEL) as transaction:
        transaction.append(approved)
    promote(ledger, registry, move(registry, "2", 0, "bootstrap"))
    assert rollback_target(ledger, registry, MODEL, known_bad=["2"]) == registry.version(MODEL, "1")
    assert rollback_target(ledger, registry, "unknown", known_bad=[]) is None
