"""Rows by slot of event time: when a fault began, and how a window is spread over its days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from amends.errors import DataError
from amends.measures.arrow import Counts
from amends.measures.profiles import pack, unpack

WIDTHS = (3_600, 86_400, 604_800, 2_419_200, 29_030_400)
"""Seconds of a slot: hour, day, week, four weeks, 48 weeks; each a multiple of the one before."""
MOST_SLOTS = 512
"""More slots than this are put together in the next width."""
MOST_HOURS = 1 << 20
"""A span of fewer hours is counted in place; a longer one is sorted."""
FEW_HOURS = 1 << 16
"""Of fewer hours, places take two bytes a row instead of eight."""
ROWS = "(rows)"
"""The field that counts rows; a column's name counts its nulls."""
POSITIVES = "(positives)"
"""The field that counts labels of 1 (with several classes: right predictions)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Hours:
    """The hour of each row: numbers of the hours in use, rising, and each row's place in them.

    Rows without a time have the place after the last.
    """

    slots: Counts
    place: npt.NDArray[np.integer[Any]]

    @classmethod
    def of(cls, moments: pa.Array) -> "Hours":
        """Read the hours off times in UTC to the microsecond."""
        micros = moments.cast(pa.int64())
        hours = pc.drop_null(micros).to_numpy() // (WIDTHS[0] * 1_000_000)
        slots, place = _distinct(hours)
        if micros.null_count:
            known, found = micros.is_valid().to_numpy(zero_copy_only=False), place
            place = np.full(len(micros), len(slots))
            place[known] = found
        return cls(slots=slots, place=place.astype(np.uint16) if len(slots) < FEW_HOURS else place)

    @property
    def rows(self) -> Counts:
        """Rows by hour."""
        return self._counted(self.place)

    def part(self, rows: slice) -> "Hours":
        """The hours of some rows that follow each other."""
        return Hours(slots=self.slots, place=self.place[rows])

    def flagged(self, flag: npt.NDArray[np.bool_]) -> Counts:
        """Rows by hour in which a flag is set."""
        return self._counted(self.place[flag])

    def _counted(self, place: npt.NDArray[np.integer[Any]]) -> Counts:
        counts: Counts = np.bincount(place, minlength=len(self.slots) + 1)[:-1]
        return counts


def _distinct(numbers: Counts) -> tuple[Counts, Counts]:
    """The distinct numbers, rising, and each one's place in them."""
    low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
    if high - low > MOST_HOURS:
        slots, place = np.unique(numbers, return_inverse=True)
        return slots, place
    numbers = numbers - low
    there = np.bincount(numbers, minlength=1) > 0
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[numbers]


@dataclass(frozen=True, eq=False, kw_only=True)
class Calendar:
    """Counts by slot of event time, in the finest width that has at most MOST_SLOTS slots.

    ``slots``: numbers of the slots in use, rising; slot ``i`` begins at ``i * width`` seconds after 1970 UTC.
    ``counts``: shape (slots, fields). Rows without a time are left out.
    """

    width: int
    fields: tuple[str, ...]
    slots: Counts
    counts: Counts

    @classmethod
    def of(cls, hours: "Hours", flagged: Mapping[str, Counts | None]) -> "Calendar":
        """Put together the rows by hour and, by field, the flagged rows by hour (None: no row is)."""
        nothing = np.zeros(len(hours.slots), np.int64)
        fields = [hours.rows, *(nothing if one is None else one for one in flagged.values())]
        return cls(
            width=WIDTHS[0], fields=(ROWS, *flagged), slots=hours.slots, counts=np.column_stack(fields)
        ).coarsened(WIDTHS[0])

    def coarsened(self, width: int) -> "Calendar":
        """Put slots together: at least this wide, and at most MOST_SLOTS of them where a width allows it."""
        at = WIDTHS.index(max(width, self.width))
        while True:
            slots, place = np.unique(self.slots * self.width // WIDTHS[at], return_inverse=True)
            if len(slots) <= MOST_SLOTS or at == len(WIDTHS) - 1:
                break
            at += 1
        counts = np.zeros((len(slots), len(self.fields)), np.int64)
        np.add.at(counts, place, self.counts)
        return Calendar(width=WIDTHS[at], fields=self.fields, slots=slots, counts=counts)

    def merge(self, other: "Calendar") -> "Calendar":
        """Counts of both windows' rows. :raises DataError: they count other fields."""
        if self.fields != other.fields:
            raise DataError("digests of other columns cannot be merged. Digest both by one spec.")
        width = max(self.width, other.width)
        pair = [one.coarsened(width) for one in (self, other)]
        width = max(one.width for one in pair)
        pair = [one.coarsened(width) for one in pair]
        both = Calendar(
            width=width,
            fields=self.fields,
            slots=np.concatenate([one.slots for one in pair]),
            counts=np.concatenate([one.counts for one in pair]),
        )
        return both.coarsened(width)

    def series(self, field: str) -> Counts:
        """One field's counts by slot."""
        counts: Counts = self.counts[:, self.fields.index(field)]
        return counts

    def document(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        return {
            "width": self.width,
            "fields": list(self.fields),
            "slots": pack(self.slots, "<i8"),
            "counts": pack(self.counts, "<i8"),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Calendar":
        """Rebuild the counts from :meth:`document`."""
        fields: Sequence[str] = document["fields"]
        counts = unpack(document["counts"], "<i8").reshape(-1, len(fields))
        slots = unpack(document["slots"], "<i8")
        return cls(width=document["width"], fields=tuple(fields), slots=slots, counts=counts)
