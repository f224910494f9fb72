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
    }
)
"""What programs write where a value is missing (pandas and R read most of these as missing)."""
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
    yield at_most(
        "unseen_level_share", name, hits / current.count, limits["unseen_level_share"] + rare,
        interval=wilson(hits, current.count), reference_value=rare, n=current.count,
        note=f"{hits} values are of levels that the reference does not have{said}",
    )  # fmt: skip
    yield from _recoded(name, reference, current, strange, limits)
    yield from _words(name, reference, current, limits)


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
    """Count new texts that say that a value is missing: nulls in disguise."""
    words = {level for level in current.counts if level.strip().casefold() in WORDS_FOR_NOTHING}
    hits = sum(current.counts[level] for level in words - set(reference.counts))
    if hits:
        yield at_most(
            "null_word_share", name, hits / current.count, limits["null_increase_from_none"],
            interval=newcombe(hits, current.count, 0, reference.count), reference_value=0.0, n=current.count,
            note=f"{hits} values are words for a missing value that the reference does not have",
        )  # fmt: skip


def _way(reference: CategoricalProfile, strange: Mapping[str, int]) -> str:
    """The first way in which all of the strange levels equal known ones; empty where there is none."""
    for way, plain in WAYS.items():
        known = {plain(level) for level in reference.counts} - {""}
        if strange and all(plain(level) in known for level in strange):
            return way
    return ""
