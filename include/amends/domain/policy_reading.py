"""Reading a parsed policy: what is wrong is named with its place and the way out."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from amends.errors import PolicyError


def mapping(document: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """A section that is a mapping."""
    value = document[key]
    if not isinstance(value, Mapping):
        raise PolicyError(f"{where}: {key} is not a mapping. See policies/default.yaml.")
    return value


def rows(document: Mapping[str, Any], key: str, where: str) -> list[tuple[Any, str]]:
    """A section that is a list, each row with its place."""
    value = document[key]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise PolicyError(f"{where}: {key} is not a list of rows. See policies/default.yaml.")
    return [(row, f"{where}: {key}[{number}]") for number, row in enumerate(value)]


def record(row: Any, needed: Sequence[str], optional: Sequence[str], place: str) -> Mapping[str, Any]:
    """A row with these keys and no others."""
    refuse_unknown(row, (*needed, *optional), place)
    for key in needed:
        if key not in row:
            raise PolicyError(f"{place}: key {key!r} is missing. Add it.")
    return dict(row)


def table(document: Mapping[str, Any], key: str, wanted: Sequence[str], where: str) -> Mapping[str, Any]:
    """A mapping that has exactly these rows."""
    found = mapping(document, key, where)
    refuse_unknown(found, wanted, f"{where}: {key}")
    missing = [row for row in wanted if row not in found]
    if missing:
        raise PolicyError(f"{where}: {key} has no row for {missing[0]}. Add it: the table has to be total.")
    return found


def words(value: Any, allowed: Sequence[str], place: str) -> tuple[str, ...]:
    """A list of words out of a few."""
    good = isinstance(value, list | tuple) and all(word in allowed for word in value)
    if not good:
        raise PolicyError(f"{place} is {value!r}; choose from: {', '.join(allowed)}.")
    return tuple(value)


def text(value: Any, place: str) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise PolicyError(f"{place} is {value!r}; write a text that says why.")
    return value


def whole(value: Any, least: int, place: str) -> int:
    """A whole number from ``least`` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise PolicyError(f"{place} is {value!r}; write a whole number of at least {least}.")
    return value


def positive(value: Any, place: str) -> float:
    """A finite number over 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise PolicyError(f"{place} is {value!r}; write a number over 0.")
    return value


def day(value: Any, place: str) -> date:
    """A day, as YAML's date or as ISO 8601 text."""
    if isinstance(value, date):
        return value.date() if isinstance(value, datetime) else value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise PolicyError(f"{place} is {value!r}; write a day such as 2026-12-31.") from None


def conditions(row: Mapping[str, Any], known: Sequence[str], place: str) -> dict[str, bool]:
    """A row's ``when``: facts that have to be true or false."""
    when = row.get("when") or {}
    refuse_unknown(when, known, f"{place}.when")
    if not all(isinstance(wanted, bool) for wanted in when.values()):
        raise PolicyError(f"{place}.when: each fact is true or false.")
    return dict(when)


def refuse_unknown(found: Any, known: Any, place: str) -> None:
    """Refuse a key that nobody reads. :raises PolicyError: naming the nearest known one."""
    if not isinstance(found, Mapping):
        raise PolicyError(f"{place} is {found!r}; write a mapping of keys to values.")
    for key in found:
        if key not in known:
            raise PolicyError(f"{place}: unknown key {key!r}. {nearest(str(key), known)}")


def nearest(key: str, known: Any) -> str:
    """The known word nearest to a mistyped one, or all of them."""
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."


def plain(value: Any) -> Any:
    """Copy a parsed document as JSON: keys are texts, days and times are ISO 8601."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
