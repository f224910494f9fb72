"""Training functions that a team could get wrong."""

from typing import Any


def rows_only(rows: Any, spec: Any) -> Any:
    """Return something that cannot score."""
    return [len(rows), spec.name]
