"""Who answers for an incident and how soon, by its severity. What to keep, not the keeping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from amends.domain.policy_reading import positive, record, table, text, words
from amends.errors import PolicyError

ANSWERABLE = ("incident-commander", "owner")
"""Who can answer for an incident: the one who leads it, and the model's owner as the spec names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What an incident of one severity asks of people.

    ``acknowledge`` and ``resolve`` run from its opening. ``ladder``: who answers for it first; each next one
    when the one before has not acknowledged in time.
    """

    acknowledge: timedelta
    resolve: timedelta
    ladder: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the duty as JSON; times in minutes."""
        return {
            "acknowledge_minutes": self.acknowledge / timedelta(minutes=1),
            "resolve_minutes": self.resolve / timedelta(minutes=1),
            "ladder": list(self.ladder),
        }


def read_duties(document: Mapping[str, Any], severities: Sequence[str], where: str) -> dict[str, Duty]:
    """Read the duties by severity, gravest first.

    :raises PolicyError: a gap, a clock that cannot be kept, or a graver incident with more time.
    """
    found = {
        severity: _duty(row, f"{where}: duties.{severity}")
        for severity, row in table(document, "duties", severities, where).items()
    }
    for graver, milder in pairwise(severities):
        one, other = found[graver], found[milder]
        if one.acknowledge > other.acknowledge or one.resolve > other.resolve:
            raise PolicyError(
                f"{where}: duties give {graver} more time than {milder}. Shorten {graver}'s clocks."
            )
    return found


def _duty(row: Any, place: str) -> Duty:
    row = record(row, ("acknowledge_minutes", "resolve_hours", "ladder", "why", "source"), (), place)
    for key in ("why", "source"):
        text(row[key], f"{place}.{key}")
    acknowledge = timedelta(minutes=positive(row["acknowledge_minutes"], f"{place}.acknowledge_minutes"))
    resolve = timedelta(hours=positive(row["resolve_hours"], f"{place}.resolve_hours"))
    if acknowledge > resolve:
        raise PolicyError(f"{place}: it would be resolved before it is acknowledged. Lengthen resolve_hours.")
    ladder = words(row["ladder"], ANSWERABLE, f"{place}.ladder")
    if not ladder or len(set(ladder)) < len(ladder):
        raise PolicyError(
            f"{place}.ladder is {list(ladder)}; name each who answers once, the first one first."
        )
    return Duty(acknowledge=acknowledge, resolve=resolve, ladder=ladder)
