"""OpenLineage events from the file of Airflow's provider: who writes a data set, and who reads it."""

import json
from pathlib import Path
from typing import Any

from amends.domain.dependencies import Jobs
from amends.errors import DataError


def jobs_around(path: str | Path, dataset: str) -> Jobs:
    """Read which jobs wrote or read a data set, from events as JSON lines.

    A data set's name may carry its database in front (``db.schema.table``), as OpenLineage's naming of
    PostgreSQL has it.

    :raises DataError: no such file, or a line that is no event.
    Source: OpenLineage specification 1.x (run events with ``job``, ``inputs`` and ``outputs``).
    """
    writers, readers = set(), set()
    for event in _events(Path(path)):
        name = f"{event.get('job', {}).get('namespace', '')}/{event.get('job', {}).get('name', '')}"
        if any(_is(one, dataset) for one in event.get("outputs") or ()):
            writers.add(name)
        if any(_is(one, dataset) for one in event.get("inputs") or ()):
            readers.add(name)
    return Jobs(writers=tuple(sorted(writers)), readers=tuple(sorted(readers)))


def _events(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise DataError(f"{path}: cannot be read ({reason}). Give the file of OpenLineage events.") from None
    events = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            event = None
        if not isinstance(event, dict):
            raise DataError(f"{path}: line {number} is no OpenLineage event. Take it out.")
        events.append(event)
    return events


def _is(one: Any, dataset: str) -> bool:
    name = str(one.get("name", "")) if isinstance(one, dict) else ""
    return name == dataset or name.endswith(f".{dataset}")
