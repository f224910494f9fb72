"""How long a breach has to last before it acts, and how long what was answered stays answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amends.domain.findings import Category
from amends.domain.policy_reading import record, rows, text, whole, words
from amends.errors import PolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """A category acts when ``breached`` of its last ``of`` windows breach, the latest among them.

    ``cool_down``: for so many windows after it was answered it opens nothing, unless it is graver.
    """

    name: str
    breached: int
    of: int
    cool_down: int
    why: str


def read_persistence(document: Mapping[str, Any], where: str) -> dict[str, Persistence]:
    """Read what each category's persistence is.

    :raises PolicyError: a category in no row or in two, or a row that can never be met.
    """
    found: dict[str, Persistence] = {}
    for row, place in rows(document, "persistence", where):
        kept, categories = _row(row, place)
        for category in categories:
            if category in found:
                raise PolicyError(
                    f"{place}: {category} stands in row {found[category].name!r} already. Keep it in one row."
                )
            found[category] = kept
    missing = [str(category) for category in Category if category not in found]
    if missing:
        raise PolicyError(f"{where}: persistence has no row for {missing[0]}. Add it to one of the rows.")
    return found


def _row(row: Any, place: str) -> tuple[Persistence, tuple[str, ...]]:
    row = record(row, ("name", "categories", "breached", "of", "cool_down", "why", "source"), (), place)
    breached, of = (whole(row[key], 1, f"{place}.{key}") for key in ("breached", "of"))
    if breached > of:
        raise PolicyError(f"{place}: {breached} of {of} windows can never be. Write breached of at most of.")
    text(row["source"], f"{place}.source")
    kept = Persistence(
        name=text(row["name"], f"{place}.name"),
        breached=breached,
        of=of,
        cool_down=whole(row["cool_down"], 0, f"{place}.cool_down"),
        why=text(row["why"], f"{place}.why"),
    )
    return kept, words(row["categories"], [str(one) for one in Category], f"{place}.categories")
