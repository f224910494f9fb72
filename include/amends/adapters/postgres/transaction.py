"""One ledger transaction: read, append, announce, settle, move the champion; all or nothing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amends.adapters.postgres.rows import EVENT_COLUMNS, event_from, select_events
from amends.domain.canonical import canonical_json
from amends.domain.championship import champion_of, move_event, same_move
from amends.domain.events import GENESIS, Event, EventKind, NewEvent, seal
from amends.domain.promotion import Champion, Move
from amends.domain.transitions import BOUNDS, forbidden, same_event
from amends.errors import LedgerError

if TYPE_CHECKING:
    import psycopg

CHAIN_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('amends chain', 0))"
MODEL_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('amends model ' || %s, 0))"
HEAD = (
    "SELECT clock_timestamp(), last.seq, last.hash FROM (SELECT 1) AS one"
    " LEFT JOIN (SELECT seq, hash FROM amends.events ORDER BY seq DESC LIMIT 1) AS last ON true"
)
INSERT = (
    "INSERT INTO amends.events (seq, at, kind, key, model, incident, actor, payload_text, previous, hash)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
ANNOUNCE = (
    "INSERT INTO amends.outbox (topic, key, model, payload) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (topic, key) DO NOTHING"
)
SETTLE = (
    "UPDATE amends.outbox SET settled_at = clock_timestamp()"
    " WHERE topic = %s AND key = %s AND settled_at IS NULL"
)


def announce(
    connection: "psycopg.Connection[Any]", *, topic: str, key: str, model: str, payload: Mapping[str, Any]
) -> None:
    """Put a row in the outbox, in whatever transaction the connection is in; a known key stays as it is.

    For producers that write their own tables: rows and announcement are committed together or not at all.
    """
    connection.execute(ANNOUNCE, [topic, key, model, canonical_json(payload).decode()])


class PostgresTransaction:
    """A transaction on one model, under that model's lock.

    The chain's lock is taken at the first append and held to the end: append late, commit soon.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", model: str) -> None:
        self._connection, self._model = connection, model
        connection.execute(MODEL_LOCK, [model])

    def events(self, *, incident: str | None = None, kinds: Sequence[EventKind] = ()) -> Sequence[Event]:
        """Events of the transaction's model, in order."""
        return select_events(self._connection, model=self._model, incident=incident, kinds=kinds)

    def append(self, event: NewEvent) -> Event:
        """Append; an event whose key is known is returned as it was recorded, nothing is written.

        :raises LedgerError: the event may not follow what the ledger holds.
        """
        if event.kind is EventKind.CHAMPION_MOVED:
            raise LedgerError("champion_moved is appended by move_champion only: it compares, then sets.")
        return self._append(event)

    def announce(self, topic: str, key: str, payload: Mapping[str, Any]) -> None:
        """Put a row in the outbox; a known (topic, key) stays as it is."""
        announce(self._connection, topic=topic, key=key, model=self._model, payload=payload)

    def settle(self, topic: str, key: str) -> None:
        """Mark an outbox row as acted upon."""
        self._connection.execute(SETTLE, [topic, key])

    def champion(self) -> Champion | None:
        """The champion by our record."""
        moves = self.events(kinds=[EventKind.CHAMPION_MOVED])
        return champion_of(moves[-1] if moves else None)

    def move_champion(self, move: Move) -> Champion:
        """Compare and set; a move whose key was carried out before returns that champion.

        :raises Superseded: the champion is no longer at ``move.seen_epoch``.
        """
        known = self._known(move.key)
        if known is not None and known.kind is EventKind.CHAMPION_MOVED:
            return same_move(move, known)
        moved = self._append(move_event(move, self.champion()))
        return same_move(move, moved)

    def _append(self, event: NewEvent) -> Event:
        if event.model != self._model:
            raise LedgerError(
                f"{event.kind} of {event.model} does not belong in a transaction on {self._model}."
            )
        known = self._known(event.key)
        if known is not None:
            return _retried(event, known)
        reason = forbidden(event, self._bounds(event.incident))
        if reason:
            raise LedgerError(f"{reason}; the ledger stays as it was.")
        return self._write(event)

    def _known(self, key: str) -> Event | None:
        row = self._connection.execute(
            f"SELECT {EVENT_COLUMNS} FROM amends.events WHERE key = %s",  # noqa: S608  a constant list
            [key],
        ).fetchone()
        return event_from(row) if row else None

    def _bounds(self, incident: str | None) -> set[str]:
        if incident is None:
            return set()
        return {str(event.kind) for event in self.events(incident=incident, kinds=BOUNDS)}

    def _write(self, event: NewEvent) -> Event:
        self._connection.execute(CHAIN_LOCK)
        [(at, seq, previous)] = self._connection.execute(HEAD)
        sealed = seal(event, seq=(seq or 0) + 1, at=at, previous=previous or GENESIS)
        self._connection.execute(
            INSERT,
            [
                sealed.seq, sealed.at, str(sealed.kind), sealed.key, sealed.model, sealed.incident,
                sealed.actor, sealed.payload_text, sealed.previous, sealed.hash,
            ],
        )  # fmt: skip
        return sealed


def _retried(event: NewEvent, known: Event) -> Event:
    if not same_event(event, known):
        raise LedgerError(
            f"key {event.key!r} of {event.kind} belongs to {known.kind} in row {known.seq}. Use another key."
        )
    return known
