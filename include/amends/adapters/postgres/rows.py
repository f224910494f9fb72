"""Between rows of the database and the records of the domain."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from amends.domain.events import Event, EventKind

if TYPE_CHECKING:
    import psycopg

FIELDS = tuple(name for name in Event.__slots__)
EVENT_COLUMNS = ", ".join(FIELDS)


def event_from(row: Sequence[Any]) -> Event:
    """Rebuild an event from a row of :data:`EVENT_COLUMNS`."""
    fields = dict(zip(FIELDS, row, strict=True))
    return Event(**{**fields, "kind": EventKind(fields["kind"])})


def select_events(
    connection: "psycopg.Connection[Any]",
    *,
    model: str | None = None,
    incident: str | None = None,
    kinds: Sequence[EventKind] = (),
) -> list[Event]:
    """Events in order of ``seq``; what is None or empty does not filter."""
    cursor = connection.execute(
        f"SELECT {EVENT_COLUMNS} FROM amends.events"  # noqa: S608  a constant list; every value is bound
        " WHERE (%(model)s::text IS NULL OR model = %(model)s)"
        " AND (%(incident)s::text IS NULL OR incident = %(incident)s)"
        " AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s)) ORDER BY seq",
        {"model": model, "incident": incident, "kinds": [str(kind) for kind in kinds] or None},
    )
    return [event_from(row) for row in cursor]


def stream_events(connection: "psycopg.Connection[Any]") -> Iterator[Event]:
    """All events in order, in bounded memory; the connection must be in a transaction.

    The kind stays the text that stands there: a row that was tampered with may hold any.
    """
    with connection.cursor(name="amends_chain") as cursor:
        cursor.itersize = 5000
        cursor.execute(
            f"SELECT {EVENT_COLUMNS} FROM amends.events ORDER BY seq"  # noqa: S608  a constant list
        )
        yield from (Event(**dict(zip(FIELDS, row, strict=True))) for row in cursor)
