"""The append-only record on PostgreSQL, its outbox and its evidence."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amends.adapters.postgres.connection import connect
from amends.adapters.postgres.rows import select_events, stream_events
from amends.adapters.postgres.snapshots import keep_rows, kept_rows
from amends.adapters.postgres.transaction import PostgresTransaction
from amends.domain.canonical import canonical_json, digest_of_bytes
from amends.domain.championship import champion_of
from amends.domain.events import ChainReport, Event, EventKind, walk_chain
from amends.domain.promotion import Champion
from amends.errors import LedgerError
from amends.ports import Announcement, Kept

if TYPE_CHECKING:
    import pyarrow as pa

PENDING = (
    "SELECT id, topic, key, model, payload FROM amends.outbox"
    " WHERE settled_at IS NULL AND topic = %s AND (%s::text IS NULL OR model = %s) ORDER BY id"
)
PUT = "INSERT INTO amends.evidence (digest, kind, document) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"


class PostgresLedger:
    """``ports.Ledger`` on a migrated database; each call opens its own connection.

    :param dsn: a libpq URL, of ``amends_app`` or of the owner.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    @contextmanager
    def transaction(self, model: str) -> Iterator[PostgresTransaction]:
        """Open a transaction under the model's lock; it commits on exit, rolls back on an error."""
        with connect(self._dsn) as connection, connection.transaction():
            yield PostgresTransaction(connection, model)

    def events(
        self, *, model: str | None = None, incident: str | None = None, kinds: Sequence[EventKind] = ()
    ) -> Sequence[Event]:
        """Events in order of ``seq``, filtered."""
        with connect(self._dsn) as connection:
            return select_events(connection, model=model, incident=incident, kinds=kinds)

    def pending(self, topic: str, model: str | None = None) -> Sequence[Announcement]:
        """Outbox rows not settled yet, oldest first."""
        with connect(self._dsn) as connection:
            rows = connection.execute(PENDING, [topic, model, model]).fetchall()
        return [Announcement(id=r[0], topic=r[1], key=r[2], model=r[3], payload=r[4]) for r in rows]

    def champion(self, model: str) -> Champion | None:
        """The champion by our record."""
        moves = self.events(model=model, kinds=[EventKind.CHAMPION_MOVED])
        return champion_of(moves[-1] if moves else None)

    def put_evidence(self, kind: str, document: Mapping[str, Any]) -> str:
        """Store a JSON document under its content digest; storing it again changes nothing."""
        content = canonical_json(document)
        digest = digest_of_bytes(content)
        with connect(self._dsn) as connection:
            connection.execute(PUT, [digest, kind, content.decode()])
        return digest

    def evidence(self, digest: str) -> dict[str, Any]:
        """Read a document back. :raises LedgerError: it is absent or no longer fits its digest."""
        with connect(self._dsn) as connection:
            row = connection.execute(
                "SELECT document FROM amends.evidence WHERE digest = %s", [digest]
            ).fetchone()
        if row is None:
            raise LedgerError(
                f"evidence {digest} is not in the ledger. Check the digest, or run `amends verify`."
            )
        if digest_of_bytes(row[0].encode()) != digest:
            raise LedgerError(f"evidence {digest} was changed after it was stored. Run `amends verify`.")
        document: dict[str, Any] = json.loads(row[0])
        return document

    def keep_rows(self, incident: str, batches: "Iterable[pa.RecordBatch]") -> Kept:
        """Keep an incident's rows as they are now, read-only; rows that were kept before stay as they are."""
        with connect(self._dsn) as connection:
            return keep_rows(connection, incident, batches)

    def kept_rows(self, incident: str) -> "Iterator[pa.RecordBatch]":
        """An incident's frozen rows. :raises LedgerError: they were changed."""
        with connect(self._dsn) as connection:
            yield from kept_rows(connection, incident)

    def verify(self) -> ChainReport:
        """Walk the whole chain, as it stood when the walk began."""
        with connect(self._dsn) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return walk_chain(stream_events(connection))
