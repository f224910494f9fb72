"""Checks on a window's columns: missing, perhaps renamed, of another type, new; all of them, by name."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence

from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.measures.quality_record import Check, at_most

FAMILIES = {
    "number": ("int", "uint", "float", "double", "halffloat", "decimal", "bool"),
    "text": ("string", "large_string", "dictionary"),
    "time": ("timestamp", "date", "time"),
}
ALIKE = 0.75
"""Similarity of two names, apart from case and separators, from which one may be the other renamed."""
PLAIN = re.compile(r"[\w .:/-]{1,63}")
"""Names that are shown as they are; others could carry markup or a value of the data."""
MOST_NAMED = 20


def schema_checks(spec: ModelSpec, reference: WindowDigest, current: WindowDigest) -> Iterator[Check]:
    """Name every column that is missing, came as another type, or is new.

    Columns of the service (answer times, errors) are judged elsewhere.
    """
    c = spec.columns
    judged = [name for name in c.all if name not in {c.latency, c.error}]
    new = sorted(set(current.types) - set(reference.types))
    missing = [name for name in judged if name not in current.types]
    renamed = renames(missing, new, reference.types, current.types)
    for name in judged:
        if name in missing:
            note = f"the window lacks column {shown(name)}"
            if name in renamed:
                note += f"; {shown(renamed[name])} is new and of the same type, so it may have been renamed"
            yield at_most("column_missing", name, 1.0, 0.0, n=current.rows, note=note)
        elif name in reference.types and current.nulls.get(name, 0) < current.rows:
            before, now = (one.types[name] for one in (reference, current))
            changed = float(family(before) != family(now))
            note = f"the column arrived as {now}, was {before}"
            yield at_most("type_changed", name, changed, 0.0, n=current.rows, note=note)
    gone = sorted(set(reference.types) - set(current.types) - set(c.all))
    if new or gone:
        note = f"the model uses none of these columns: new {_listed(new)}; gone {_listed(gone)}"
        yield Check(
            metric="unused_columns_changed", column=None, value=float(len(new) + len(gone)), note=note
        )


def family(kind: str) -> str:
    """Family of an Arrow type: int64 and double are both numbers, so that a widened column is not retyped."""
    for name, prefixes in FAMILIES.items():
        if kind.startswith(prefixes):
            return name
    return kind


def renames(
    missing: Sequence[str], new: Sequence[str], before: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, str]:
    """Pair each missing column with the new one that it may have become, the most alike first.

    Only types of one family pair. Names pair when they are alike; one lone column of a family on either
    side pairs by its type.

    :param before: types of the reference's columns by name; ``now`` of the window's.
    """
    kinds = {name: family(before.get(name, "")) for name in missing}
    pairs = [(_likeness(old, other), old, other) for old in missing for other in new
             if kinds[old] == family(now[other])]  # fmt: skip
    found: dict[str, str] = {}
    for likeness, old, other in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        lone = sum(pair[1] == old for pair in pairs) == sum(pair[2] == other for pair in pairs) == 1
        if (likeness >= ALIKE or lone) and old not in found and other not in found.values():
            found[old] = other
    return found


def shown(name: str) -> str:
    """A column's name for a person to read; odd ones are not shown."""
    return repr(name) if PLAIN.fullmatch(name) else "(a name that is not shown)"


def _likeness(one: str, other: str) -> float:
    """Similarity of two names in [0, 1]; 1 where one is a part of the other."""
    short, long = sorted((re.sub(r"[\W_]+", "", name).casefold() for name in (one, other)), key=len)
    if len(short) > 2 and short in long:  # noqa: PLR2004 - shorter names are parts of too many
        return 1.0
    return difflib.SequenceMatcher(None, short, long).ratio()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (", ".join(map(shown, names[:MOST_NAMED])) or "none") + more
