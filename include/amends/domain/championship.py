"""The champion as the ledger tells it: every move is an event, and the last move names the champion."""

from amends.domain.events import Event, EventKind, NewEvent
from amends.domain.promotion import Champion, Move
from amends.errors import Refused, Superseded


def champion_of(moved: Event | None) -> Champion | None:
    """Read the champion off its last ``champion_moved`` event; None where it never moved."""
    if moved is None:
        return None
    facts = moved.payload
    return Champion(model=moved.model, version=facts["version"], digest=facts["digest"], epoch=facts["epoch"])


def move_event(move: Move, champion: Champion | None) -> NewEvent:
    """Return the event that carries a move out, if the champion is still where the move saw it.

    :raises Superseded: the champion has moved since.
    """
    epoch = champion.epoch if champion else 0
    if epoch != move.seen_epoch:
        now = f"version {champion.version} at epoch {epoch}" if champion else "unset"
        raise Superseded(
            f"{move.reason} of {move.model} to version {move.version} rests on epoch {move.seen_epoch}, "
            f"but the champion is now {now}. Validate against it again."
        )
    return NewEvent(
        kind=EventKind.CHAMPION_MOVED,
        key=move.key,
        model=move.model,
        incident=move.incident,
        actor=move.actor,
        payload={
            "version": move.version,
            "digest": move.digest,
            "epoch": epoch + 1,
            "reason": move.reason,
            "previous": {"version": champion.version, "digest": champion.digest} if champion else None,
        },
    )


def same_move(move: Move, moved: Event) -> Champion:
    """Return the champion that a move with this key made before.

    :raises Refused: the key was used for another move.
    """
    champion = champion_of(moved)
    if champion is None or (champion.version, champion.digest) != (move.version, move.digest):
        raise Refused(
            f"move {move.key!r} of {move.model} was carried out before, to another version. Use a new key."
        )
    return champion
