"""Checks on levels that are new: unknown, known ones written otherwise, words for a missing value."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from amends.measures.profiles import CategoricalProfile
from amends.measures.proportions import newcombe, wilson
from amends.measures.quality_record import Check, Limits, at_most

SMALL_CELL = 11
"""Levels in fewer rows are not named: they could point to a person (CMS cell size policy)."""
MANY_LEVELS = 50
"""Levels from which a column is one of things that come and go."""
SEVERAL, MOSTLY_OLD = 3, 0.5
"""New levels that are several, and the share of rows in new levels from which the coding itself is new."""
SHORTEST = 3
"""Letters from which the beginning of a level points to it."""
WORDS_FOR_NOTHING = frozenset(
    {
        "",
        "-",
        "--",
        ".",
        "?",
        "#n/a",
        "<na>",
        "n/a",
        "na",
        "nan",
        "nil",
        "none",
        "null",
        "(null)",
        "undefined",
        "missing",
        "not available",
        "not known",
        "not specified",
        "unknown",
        "unspecified",
    }
)
"""What programs write where a value is missing (pandas and R read most of these as missing)."""
UNAMBIGUOUS = WORDS_FOR_NOTHING - {"-", "--", ".", "na", "nil", "none"}
"""Of these, what means nothing else where it was a level before (none is an answer, NA a country)."""
NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,9})?")


def _spaced(level: str) -> str:
    """A text in lower case and with single spaces."""
    return " ".join(level.split()).casefold()


def _number(level: str) -> str:
    """A number in its shortest form: 1, 1.0 and 01 are one."""
    text = level.strip()
    if not NUMBER.fullmatch(text):
        return level
    whole, _, part = text.removeprefix("+").partition(".")
    sign, digits, part = "-" * whole.startswith("-"), whole.lstrip("-0"), part.rstrip("0")
    return f"{sign}{digits or '0'}" + (f".{part}" if part else "")


def _joined(level: str) -> str:
    """A text without its separators; numbers keep theirs."""
    return re.sub(r"[\W_]+", "", level).casefold() if any(map(str.isalpha, level)) else level


def _letters(level: str) -> str:
    """A text without accents, in plain forms, with UTF-8 that was read as Latin-1 put right."""
    with suppress(UnicodeError):
        level = level.encode("cp1252").decode("utf-8")
    parts = unicodedata.normalize("NFKD", level)
    return "".join(char for char in parts if not unicodedata.combining(char)).casefold()


WAYS: dict[str, Callable[[str], str]] = {
    "case or spaces": _spaced,
    "how a number is written": _number,
    "accents or forms of letters": _letters,
    "separators": _joined,
}
"""Ways of writing one level: what is equal in a way differs by that way only."""


def level_checks(
    name: str, reference: CategoricalProfile, current: CategoricalProfile, limits: Limits
) -> Iterator[Check]:
    """Look at the levels that the reference does not have; it has to know all of its own."""
    strange = {level: n for level, n in current.counts.items() if level not in reference.counts}
    hits = sum(strange.values()) + current.overflow
    rare = sum(1 for n in reference.counts.values() if n == 1) / reference.count
    way = _way(reference, {level: n for level, n in strange.items() if n >= SMALL_CELL})
    said = f"; they differ from known ones by {way} only" if way else ""
    limit, interval = limits["unseen_level_share"] + rare, wilson(hits, current.count)
    turnover = not way and _is_turnover(reference, current, strange, limits)
    if turnover and interval[0] > limit:
        said = "; none of them is large, so they may be what comes and goes"
    yield Check(
        metric="unseen_level_share", column=name, value=hits / current.count, high=limit,
        evidence=min(interval[0], limit) if turnover else interval[0],
        interval=interval, reference_value=rare, n=current.count,
        note=f"{hits} values are of levels that the reference does not have{said}",
    )  # fmt: skip
    yield from _recoded(name, reference, current, strange, limits)
    yield from _words(name, reference, current, limits)


def _is_turnover(
    reference: CategoricalProfile, current: CategoricalProfile, strange: Mapping[str, int], limits: Limits
) -> bool:
    """Whether new levels are what comes and goes among many: shops, products, destinations of a season.

    Where a column has many levels, several small new ones beside most of the old ones are no fault; a new
    coding leaves few old ones, and a renamed level is as large as it was.
    """
    many = len(reference.counts) >= MANY_LEVELS
    largest = max(strange.values(), default=0) / current.count
    hits = (sum(strange.values()) + current.overflow) / current.count
    small = largest <= limits["unseen_level_share"] and len(strange) >= SEVERAL
    return many and small and hits < MOSTLY_OLD


def _recoded(
    name: str, reference: CategoricalProfile, current: CategoricalProfile, strange: Mapping[str, int],
    limits: Limits,
) -> Iterator[Check]:  # fmt: skip
    """Count new levels that are known ones written otherwise, where the reference writes each in one way."""
    for way, plain in WAYS.items():
        known = {plain(level) for level in reference.counts if plain(level)}
        if len(known) < len(reference.counts):
            continue
        hits = sum(n for level, n in strange.items() if plain(level) in known)
        if hits:
            yield at_most(
                "recoded_level_share", name, hits / current.count, limits["recoded_level_share"],
                interval=wilson(hits, current.count), reference_value=0.0, n=current.count,
                note=f"{hits} values are of levels that differ from known ones by {way} only",
            )  # fmt: skip
            return


def _words(
    name: str, reference: CategoricalProfile, current: CategoricalProfile, limits: Limits
) -> Iterator[Check]:
    """Count texts that say that a value is missing: nulls in disguise, new ones and more of the old ones."""
    known, words = (
        set(reference.counts),
        {level for level in current.counts if _says(level, WORDS_FOR_NOTHING)},
    )
    old = {level for level in known if _says(level, UNAMBIGUOUS)}
    hits, before = (
        sum(counts.get(level, 0) for level in (words - known) | old)
        for counts in (current.counts, reference.counts)
    )
    if hits:
        limit = limits["null_increase" if before else "null_increase_from_none"]
        yield at_most(
            "null_word_share", name, hits / current.count - before / reference.count, limit,
            interval=newcombe(hits, current.count, before, reference.count), reference_value=0.0,
            n=current.count, note=f"{hits} of {current.count} values are words for a missing value, "
            f"{before} of {reference.count} in the reference",
        )  # fmt: skip


def _says(level: str, words: frozenset[str]) -> bool:
    return level.strip().casefold() in words


def _way(reference: CategoricalProfile, strange: Mapping[str, int]) -> str:
    """The first way in which all of the strange levels equal known ones; empty where there is none."""
    for way, plain in WAYS.items():
        known = {plain(level) for level in reference.counts} - {""}
        if strange and all(plain(level) in known for level in strange):
            return way
    if strange and all(_is_cut(level, reference.counts) for level in strange):
        return "an end that was cut off"
    return ""


def _is_cut(level: str, known: Mapping[str, int]) -> bool:
    """Whether a level is the beginning of a known one."""
    long = len(level.strip()) >= SHORTEST and any(map(str.isalpha, level))
    return long and any(one.startswith(level) for one in known)
