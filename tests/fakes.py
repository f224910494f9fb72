"""Stand-ins for ports, for tests that need no service."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from amends.domain.canonical import canonical_json, digest_of
from amends.domain.championship import champion_of, move_event, same_move
from amends.domain.events import GENESIS, ChainReport, Event, EventKind, NewEvent, seal, walk_chain
from amends.domain.promotion import Champion, Move
from amends.domain.transitions import BOUNDS, forbidden, same_event
from amends.errors import LedgerError
from amends.ports import Announcement, Kept


@dataclass
class FakeClock:
    """A clock that stands still until a test moves it."""

    time: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self.time

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.time += by


@dataclass(frozen=True)
class _State:
    events: tuple[Event, ...] = ()
    outbox: tuple[Announcement, ...] = ()
    settled: frozenset[int] = frozenset()


@dataclass
class FakeLedger:
    """A ledger in memory: the same rules as the real one, one transaction at a time."""

    clock: Callable[[], datetime] = field(default_factory=lambda: FakeClock().now)
    state: _State = _State()
    documents: dict[str, str] = field(default_factory=dict)
    frozen: dict[str, list[Any]] = field(default_factory=dict)

    @contextmanager
    def transaction(self, model: str) -> Iterator["FakeTransaction"]:
        """Commit on exit; an error puts everything back."""
        before = self.state
        try:
            yield FakeTransaction(self, model)
        except BaseException:
            self.state = before
            raise

    def events(
        self, *, model: str | None = None, incident: str | None = None, kinds: Sequence[EventKind] = ()
    ) -> Sequence[Event]:
        """Events in order, filtered."""
        return [
            event
            for event in self.state.events
            if model in {None, event.model}
            and incident in {None, event.incident}
            and (not kinds or event.kind in kinds)
        ]

    def pending(self, topic: str, model: str | None = None) -> Sequence[Announcement]:
        """Outbox rows not settled yet."""
        return [
            row
            for row in self.state.outbox
            if row.topic == topic and model in {None, row.model} and row.id not in self.state.settled
        ]

    def keep_rows(self, incident: str, batches: Iterable[Any]) -> Kept:
        """Keep the first rows given."""
        rows = self.frozen.setdefault(incident, [batch for batch in batches if batch.num_rows])
        return Kept(rows=sum(batch.num_rows for batch in rows), digest=digest_of([str(one) for one in rows]))

    def kept_rows(self, incident: str) -> Iterator[Any]:
        """The rows kept."""
        yield from self.frozen.get(incident, [])

    def champion(self, model: str) -> Champion | None:
        """The champion by the record."""
        moves = self.events(model=model, kinds=[EventKind.CHAMPION_MOVED])
        return champion_of(moves[-1] if moves else None)

    def put_evidence(self, kind: str, document: Mapping[str, Any]) -> str:
        """Keep a document under its digest."""
        del kind
        digest = digest_of(document)
        self.documents.setdefault(digest, canonical_json(document).decode())
        return digest

    def evidence(self, digest: str) -> dict[str, Any]:
        """Read a document back."""
        if digest not in self.documents:
            raise LedgerError(f"evidence {digest} is not in the ledger.")
        document: dict[str, Any] = json.loads(self.documents[digest])
        if digest_of(document) != digest:
            raise LedgerError(f"evidence {digest} was changed after it was stored.")
        return document

    def verify(self) -> ChainReport:
        """Walk the chain."""
        return walk_chain(self.state.events)


@dataclass
class FakeTransaction:
    """One transaction of a :class:`FakeLedger`."""

    ledger: FakeLedger
    model: str

    def events(self, *, incident: str | None = None, kinds: Sequence[EventKind] = ()) -> Sequence[Event]:
        """Events of the model."""
        return self.ledger.events(model=self.model, incident=incident, kinds=kinds)

    def append(self, event: NewEvent) -> Event:
        """Append, or find the event of the same key."""
        if event.kind is EventKind.CHAMPION_MOVED:
            raise LedgerError("champion_moved is appended by move_champion only.")
        return self._append(event)

    def announce(self, topic: str, key: str, payload: Mapping[str, Any]) -> None:
        """Put a row in the outbox, once."""
        outbox = self.ledger.state.outbox
        if any((row.topic, row.key) == (topic, key) for row in outbox):
            return
        row = Announcement(
            id=len(outbox) + 1,
            topic=topic,
            key=key,
            model=self.model,
            payload=json.loads(json.dumps(payload)),
        )
        self.ledger.state = replace(self.ledger.state, outbox=(*outbox, row))

    def settle(self, topic: str, key: str) -> None:
        """Mark a row as acted upon."""
        state = self.ledger.state
        done = {row.id for row in state.outbox if (row.topic, row.key) == (topic, key)}
        self.ledger.state = replace(state, settled=state.settled | done)

    def champion(self) -> Champion | None:
        """The champion by the record."""
        return self.ledger.champion(self.model)

    def move_champion(self, move: Move) -> Champion:
        """Compare and set."""
        known = self._known(move.key)
        if known is not None and known.kind is EventKind.CHAMPION_MOVED:
            return same_move(move, known)
        return same_move(move, self._append(move_event(move, self.champion())))

    def _known(self, key: str) -> Event | None:
        return next((event for event in self.ledger.state.events if event.key == key), None)

    def _append(self, event: NewEvent) -> Event:
        if event.model != self.model:
            raise LedgerError(
                f"{event.kind} of {event.model} does not belong in a transaction on {self.model}."
            )
        known = self._known(event.key)
        if known is not None:
            if not same_event(event, known):
                raise LedgerError(f"key {event.key!r} belongs to {known.kind}.")
            return known
        history = (
            {e.kind for e in self.events(incident=event.incident, kinds=BOUNDS)} if event.incident else set()
        )
        reason = forbidden(event, history)
        if reason:
            raise LedgerError(reason)
        chain = self.ledger.state.events
        previous = chain[-1].hash if chain else GENESIS
        sealed = seal(event, seq=len(chain) + 1, at=self.ledger.clock(), previous=previous)
        self.ledger.state = replace(self.ledger.state, events=(*chain, sealed))
        return sealed
