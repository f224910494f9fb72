"""Move the champion: intent, compare and set, point the alias, read it back; safe to repeat at any point.

The ledger says who is champion; the registry's alias follows it. A process that dies between two steps is
made good by the next call of :func:`promote` or :func:`reconcile`, whoever makes it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from amends.domain.events import Event, EventKind, NewEvent
from amends.domain.promotion import Champion, ModelVersion, Move
from amends.errors import ArtefactError, Refused, Superseded, Unavailable
from amends.ports import Ledger, LedgerTransaction, ModelRegistry

CHAMPION_MOVED = "champion_moved"
"""Outbox topic: the champion moved, so the windows that follow are watched."""


class Step(StrEnum):
    """What :func:`reconcile` found and did."""

    NO_CHAMPION = "no_champion"
    IN_STEP = "in_step"
    COMPLETED = "completed"
    FOREIGN = "foreign"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The champion by our record, the version the alias was found at, and what that means."""

    step: Step
    champion: Champion | None
    alias: str | None


def promote(ledger: Ledger, registry: ModelRegistry, move: Move) -> Champion:
    """Make a version the champion, by record and by alias, once.

    A retry with the same key finds what was done and carries on from there.

    :returns: the champion that this move made; a later move may have followed it.
    :raises Superseded: the champion moved since the move's epoch, or somebody else moved the alias.
    :raises Refused: the version is gone or holds other bytes than the move names.
    :raises Unavailable: the registry or the ledger does not answer; call again.
    """
    if not _was_made(ledger, move):
        _check_candidate(registry, move)
        _check_alias(ledger, registry, move)
        _record_intent(ledger, move)
    with ledger.transaction(move.model) as transaction:
        champion = transaction.move_champion(move)
        facts = {"version": champion.version, "epoch": champion.epoch, "incident": move.incident}
        transaction.announce(CHAMPION_MOVED, move.key, facts)
    reconcile(ledger, registry, move.model)
    return champion


def reconcile(
    ledger: Ledger, registry: ModelRegistry, model: str, *, restore: bool = False
) -> Reconciliation:
    """Bring the alias in step with the record, under the model's lock.

    A move under way is carried through. An alias that somebody else moved is reported as ``foreign``, and
    put back only with ``restore``.

    :raises ArtefactError: the recorded champion is gone from the registry or holds other bytes.
    """
    with ledger.transaction(model) as transaction:
        champion, alias = transaction.champion(), registry.aliased(model)
        if champion is None:
            return Reconciliation(step=Step.NO_CHAMPION, champion=None, alias=alias)
        done, agree = _is_completed(transaction, champion), alias == champion.version
        if done and not agree and not restore:
            return Reconciliation(step=Step.FOREIGN, champion=champion, alias=alias)
        _check_champion(registry, champion)
        if not agree:
            _point(registry, champion)
        if not done:
            _complete(transaction, champion)
    step = Step.COMPLETED if not done else Step.IN_STEP if agree else Step.RESTORED
    return Reconciliation(step=step, champion=champion, alias=alias)


def rollback_target(
    ledger: Ledger, registry: ModelRegistry, model: str, *, known_bad: Collection[str],
    proof: Callable[[ModelVersion], object] | None = None,
) -> ModelVersion | None:  # fmt: skip
    """Find the newest version that was approved or champion before, still is what it was, and works.

    Left out are the champion itself, versions that an earlier rollback left, and ``known_bad``.

    :param known_bad: version numbers or content digests.
    :param proof: raises ArtefactError where a version does not work (:mod:`amends.workflow.verified`); by
        default a version works that loads.
    :returns: None where no such version is left: a person must decide.
    """
    events = ledger.events(model=model, kinds=[EventKind.CHAMPION_MOVED, EventKind.VERSION_APPROVED])
    champion = ledger.champion(model)
    bad = {*known_bad, *_left_by_rollback(events), *({champion.digest} if champion else ())}
    for facts in (event.payload for event in reversed(events)):
        if bad.isdisjoint({facts["version"], facts["digest"]}):
            version = _works(registry, model, facts["version"], facts["digest"], proof or registry.load)
            if version is not None:
                return version
            bad.add(facts["digest"])
    return None


def _was_made(ledger: Ledger, move: Move) -> bool:
    moves = ledger.events(model=move.model, kinds=[EventKind.CHAMPION_MOVED])
    return any(event.key == move.key for event in moves)


def _check_candidate(registry: ModelRegistry, move: Move) -> None:
    try:
        found = registry.version(move.model, move.version)
    except ArtefactError as gone:
        raise Refused(f"{move.reason} of {move.model} refused: {gone}") from gone
    if found.digest != move.digest:
        raise Refused(
            f"{move.reason} of {move.model} refused: version {move.version} holds {found.digest[:19]}, "
            f"not {move.digest[:19]} as validated. Validate what is there now."
        )


def _check_alias(ledger: Ledger, registry: ModelRegistry, move: Move) -> None:
    """Refuse to build on an alias that somebody else moved; a rollback leads away from it and goes on."""
    if move.reason == "rollback":
        return
    with ledger.transaction(move.model) as transaction:
        champion, alias = transaction.champion(), registry.aliased(move.model)
        if champion and alias != champion.version and _is_completed(transaction, champion):
            raise Superseded(
                f"{move.reason} of {move.model} refused: the alias points to version {alias}, but the "
                f"recorded champion is {champion.version}. Find out who moved it, then validate again."
            )


def _record_intent(ledger: Ledger, move: Move) -> None:
    payload = {
        "version": move.version,
        "digest": move.digest,
        "seen_epoch": move.seen_epoch,
        "reason": move.reason,
    }
    with ledger.transaction(move.model) as transaction:
        transaction.append(
            NewEvent(
                kind=EventKind.PROMOTION_INTENDED,
                key=f"{move.key}:intended",
                model=move.model,
                incident=move.incident,
                actor=move.actor,
                payload=payload,
            )
        )


def _is_completed(transaction: LedgerTransaction, champion: Champion) -> bool:
    done = transaction.events(kinds=[EventKind.PROMOTION_COMPLETED])
    return any(event.payload["epoch"] == champion.epoch for event in done)


def _check_champion(registry: ModelRegistry, champion: Champion) -> None:
    found = registry.version(champion.model, champion.version)
    if found.digest != champion.digest:
        raise ArtefactError(
            f"champion {champion.version} of {champion.model} holds {found.digest[:19]}, not "
            f"{champion.digest[:19]} as recorded. Roll back, and find out who replaced it."
        )


def _complete(transaction: LedgerTransaction, champion: Champion) -> None:
    moved = transaction.events(kinds=[EventKind.CHAMPION_MOVED])[-1]
    transaction.append(
        NewEvent(
            kind=EventKind.PROMOTION_COMPLETED,
            key=f"{moved.key}:completed",
            model=moved.model,
            incident=moved.incident,
            actor=moved.actor,
            payload={"version": champion.version, "digest": champion.digest, "epoch": champion.epoch},
        )
    )


def _point(registry: ModelRegistry, champion: Champion) -> None:
    registry.point_champion(champion.model, champion.version)
    alias = registry.aliased(champion.model)
    if alias != champion.version:
        raise Unavailable(
            f"the registry took {champion.model}'s alias for version {champion.version} but reads {alias}. "
            "Somebody else sets it, or a cache is stale: try again."
        )


def _left_by_rollback(events: Collection[Event]) -> set[str]:
    """Digests of champions that a rollback moved away from: going back to one would be a ping-pong."""
    left = [event.payload.get("previous") for event in events if event.payload.get("reason") == "rollback"]
    return {previous["digest"] for previous in left if previous}


def _works(
    registry: ModelRegistry, model: str, number: str, digest: str, proof: Callable[[ModelVersion], object]
) -> ModelVersion | None:
    try:
        version = registry.version(model, number)
        if version.digest != digest:
            return None
        proof(version)
    except ArtefactError:
        return None
    return version
