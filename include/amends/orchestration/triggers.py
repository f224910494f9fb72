"""The doorbell: a watcher that rings a DAG when the outbox holds something for it.

It only rings. The outbox table is the truth and is settled by the tasks that act on it, so a ring that
comes twice, late or never loses and doubles nothing: the next ring or the next sweep drains the table.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from amends.orchestration.settings import LEDGER_CONNECTION, dsn_of

log = logging.getLogger(__name__)

CHANNEL = "amends_outbox"
POLL_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0
"""Seconds until a row that nobody settles rings again; the pause doubles up to the longest."""

PENDING = "SELECT id, topic, model FROM amends.outbox WHERE settled_at IS NULL ORDER BY id"


@dataclass(frozen=True, slots=True)
class Ring:
    """Something waits in the outbox: the newest row's id, its topic and model."""

    id: int
    topic: str
    model: str


@dataclass(slots=True)
class Bells:
    """Remembers what was rung, so that one row rings once, and again ever more slowly while it waits."""

    rung: dict[tuple[str, str], tuple[int, float, float]] = field(default_factory=dict)

    def due(self, pending: Iterable[tuple[int, str, str]], now: float) -> list[Ring]:
        """Return the rings for rows in order of id; a settled topic is forgotten."""
        newest = {(topic, model): row for row, topic, model in pending}
        self.rung = {key: last for key, last in self.rung.items() if key in newest}
        rings = []
        for key, row in newest.items():
            last, again, pause = self.rung.get(key, (0, 0.0, 0.0))
            if row > last:
                self.rung[key] = (row, now + FIRST_PAUSE, FIRST_PAUSE)
            elif now >= again:
                longer = min(2 * pause, LONGEST_PAUSE)
                self.rung[key] = (row, now + longer, longer)
            else:
                continue
            rings.append(Ring(row, *key))
        return rings


class PgOutboxTrigger(BaseEventTrigger):  # type: ignore[misc]
    """Rings for one outbox topic, of one model or of all.

    All watchers on one connection share one database session in the triggerer.
    """

    def __init__(self, topic: str, model: str | None = None, connection: str = LEDGER_CONNECTION) -> None:
        super().__init__()
        self.topic, self.model, self.connection = topic, model, connection

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that rebuild the trigger in the triggerer."""
        arguments = {"topic": self.topic, "model": self.model, "connection": self.connection}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    def shared_stream_key(self) -> tuple[str, str]:
        """Triggers with the same key share one poll."""
        return ("amends-outbox", self.connection)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Ring]:
        """Yield rings for ever; a database that goes away is waited for, not given up on."""
        from psycopg import Error

        bells = Bells()
        while True:
            try:
                async for ring in _listen(kwargs["connection"], bells):
                    yield ring
            except Error as error:
                log.warning("outbox: database not usable, trying again (%s)", str(error).splitlines()[0])
                await asyncio.sleep(POLL_SECONDS)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Ring]) -> AsyncIterator[TriggerEvent]:
        """Keep the rings for this trigger's topic and model."""
        async for ring in shared_stream:
            if ring.topic == self.topic and self.model in {None, ring.model}:
                yield TriggerEvent({"topic": ring.topic, "model": ring.model, "id": ring.id})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ring without a shared stream."""
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event


async def _listen(connection: str, bells: Bells) -> AsyncIterator[Ring]:
    """Poll the outbox; a notification only shortens the wait."""
    from airflow.sdk import BaseHook
    from psycopg import AsyncConnection

    dsn = dsn_of(await BaseHook.aget_connection(connection))
    async with await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=10) as session:
        await session.execute(f"LISTEN {CHANNEL}")
        while True:
            rows = await (await session.execute(PENDING)).fetchall()
            for ring in bells.due(rows, monotonic()):
                yield ring
            async for _ in session.notifies(timeout=POLL_SECONDS, stop_after=1):
                pass
