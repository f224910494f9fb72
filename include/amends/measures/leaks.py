"""Personal data in a column: counted by pattern while a window is read, so that no text is kept."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from amends.measures.arrow import relabelled
from amends.measures.personal import HINTS, NAMES, ODDS, PATTERNS, personal_data
from amends.measures.profiles import SLICE, CategoricalProfile
from amends.measures.proportions import newcombe, wilson

_FORMS = "|".join(f"(?:(?:^|[^{p.before[1:]})(?:{p.shape})(?:$|[^\\w-]))" for p in PATTERNS)
"""What a text with personal data matches by RE2: forms in full, so that few others are left to look at
one by one. (RE2 cannot look around, so what must not stand beside a form is matched as something else.)"""


@dataclass(frozen=True)
class LeakProfile:
    """Values of a column by the personal data in them.

    ``found``: values that have the pattern. ``refuted``: values that have it but for a check digit.
    """

    values: int
    found: Mapping[str, int]
    refuted: Mapping[str, int]

    @classmethod
    def of(cls, texts: pa.Array) -> "LeakProfile":
        """Search every text that is there."""
        suspects = _hinted(texts)
        suspects = suspects.filter(pc.match_substring_regex(suspects, _FORMS))
        seen = Counter(item for text in suspects.to_pylist() for item in personal_data(text).items())
        found, refuted = (
            {name: seen[name, verdict] for name in NAMES if seen[name, verdict]} for verdict in (True, False)
        )
        return cls(len(texts) - texts.null_count, found, refuted)

    @classmethod
    def of_levels(cls, levels: CategoricalProfile) -> "LeakProfile":
        """Read off what :func:`mask_levels` left in a column's levels; each level is searched once."""
        found = {name: levels.counts[masked(name)] for name in NAMES if masked(name) in levels.counts}
        names = pa.array(levels.counts.keys(), pa.string())
        refuted: Counter[str] = Counter()
        for level in names.filter(pc.match_substring_regex(names, HINTS)).to_pylist():
            refuted.update(dict.fromkeys(personal_data(level), levels.counts[level]))
        return cls(sum(levels.counts.values()), found, dict(refuted))

    def hits(self, name: str) -> int:
        """Values that have the pattern."""
        return self.found.get(name, 0)

    def share(self, name: str) -> float:
        """Share of values that have the pattern beyond those whose check digits fit by chance.

        ``(found - odds * refuted) / values``: of random 16-digit numbers that begin like a payment
        card, one passes for each nine that do not. Range [0, 1]; 0 is none.
        """
        return max(self.hits(name) / self.values - self.chance(name), 0.0) if self.values else 0.0

    def chance(self, name: str) -> float:
        """Share of values whose check digits can be expected to fit by chance."""
        return ODDS[name] * self.refuted.get(name, 0) / self.values if self.values else 0.0

    def interval(self, name: str) -> tuple[float, float]:
        """Interval of :meth:`share`."""
        low, high = wilson(self.hits(name), self.values)
        return max(low - self.chance(name), 0.0), max(high - self.chance(name), 0.0)

    def change(self, name: str, before: "LeakProfile") -> tuple[float, float]:
        """Interval of the difference of both windows' :meth:`share`."""
        low, high = newcombe(self.hits(name), self.values, before.hits(name), before.values)
        by_chance = self.chance(name) - before.chance(name)
        return low - by_chance, high - by_chance

    def merge(self, other: "LeakProfile") -> "LeakProfile":
        """Profile of both windows' rows."""
        found = {name: n for name in NAMES if (n := self.hits(name) + other.hits(name))}
        refuted = Counter(self.refuted) + Counter(other.refuted)
        return LeakProfile(self.values + other.values, found, dict(refuted))

    def document(self) -> dict[str, Any]:
        """Return the profile as JSON."""
        return {"values": self.values, "found": dict(self.found), "refuted": dict(self.refuted)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "LeakProfile":
        """Rebuild a profile from :meth:`document`."""
        return cls(document["values"], dict(document["found"]), dict(document["refuted"]))


def _hinted(texts: pa.Array) -> pa.Array:
    """Texts that may have personal data: looked at one by one only where SLICE of them have a hint."""
    parts = [texts.slice(at, SLICE) for at in range(0, len(texts), SLICE)]
    found = [part.filter(pc.match_substring_regex(part, HINTS)) for part in parts if _hints(part)]
    return pa.concat_arrays(found) if found else texts.slice(0, 0)


def _hints(texts: pa.Array) -> bool:
    """Whether the texts, a line each, have a hint of personal data; no hint goes over a line's end."""
    lines = texts.drop_null().cast(pa.large_string())
    page = pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), pa.scalar("\n", lines.type))
    return bool(pc.match_substring_regex(page, HINTS)[0].as_py())


def masked(name: str) -> str:
    """Level that stands for every level with this pattern."""
    return f"({name})"


def mask_levels(levels: pa.DictionaryArray) -> pa.DictionaryArray:
    """Put one level per pattern in place of levels with personal data: a digest names nobody."""
    names = levels.dictionary
    if not pc.any(pc.match_substring_regex(names, HINTS)).as_py():
        return levels
    return relabelled(levels.indices, pa.array([_safe(name) for name in names.to_pylist()], pa.string()))


def _safe(level: str) -> str:
    """A level, or the mask of the first pattern in it."""
    return next((masked(name) for name, found in personal_data(level).items() if found), level)
