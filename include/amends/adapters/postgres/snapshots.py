"""Frozen rows in the ledger's database: Parquet in parts, read-only from the moment they are there."""

from typing import TYPE_CHECKING, Any

from amends.domain.canonical import digest_of, digest_of_bytes
from amends.errors import LedgerError
from amends.ports import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg
    import pyarrow as pa

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('amends snapshot ' || %s, 0))"
KNOWN = "SELECT digest, rows FROM amends.snapshots WHERE incident = %s ORDER BY part"
KEEP = "INSERT INTO amends.snapshots (incident, part, digest, rows, content) VALUES (%s, %s, %s, %s, %s)"
READ = "SELECT part, digest, content FROM amends.snapshots WHERE incident = %s ORDER BY part"


def keep_rows(
    connection: "psycopg.Connection[Any]", incident: str, batches: "Iterable[pa.RecordBatch]"
) -> Kept:
    """Keep an incident's rows, all of them or none; what was kept before stays as it is."""
    with connection.transaction():
        connection.execute(LOCK, [incident])
        if not connection.execute(KNOWN, [incident]).fetchall():
            for part, batch in enumerate(batch for batch in batches if batch.num_rows):
                content = _parquet(batch)
                facts = [incident, part, digest_of_bytes(content), batch.num_rows, content]
                connection.execute(KEEP, facts)
        parts = connection.execute(KNOWN, [incident]).fetchall()
    return Kept(rows=sum(rows for _, rows in parts), digest=digest_of([digest for digest, _ in parts]))


def kept_rows(connection: "psycopg.Connection[Any]", incident: str) -> "Iterator[pa.RecordBatch]":
    """Read an incident's frozen rows, part by part. :raises LedgerError: a part does not fit its digest."""
    import pyarrow.parquet as pq
    from pyarrow import BufferReader

    with connection.transaction(), connection.cursor(name="amends_snapshot") as cursor:
        cursor.itersize = 1
        cursor.execute(READ, [incident])
        for part, digest, content in cursor:
            if digest_of_bytes(bytes(content)) != digest:
                raise LedgerError(f"frozen rows of {incident}: part {part} was changed. Restore a backup.")
            yield from pq.read_table(BufferReader(content)).to_batches()


def _parquet(batch: "pa.RecordBatch") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([batch]), sink, compression="zstd")
    return bytes(sink.getvalue())
