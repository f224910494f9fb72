"""Reading a parsed YAML document key by key: what is wrong is named with its place and the way out."""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from amends.domain.window import as_utc
from amends.errors import SpecError

CENTURY = 36_525


class Reader:
    """Takes keys out of a mapping; whatever is left at the end is unknown."""

    def __init__(self, document: Any, where: str, prefix: str) -> None:
        if not isinstance(document, Mapping):
            place = f" {prefix.rstrip('.')}" if prefix else ""
            raise SpecError(
                f"{where}:{place} is not a mapping of keys to values. See the README's model spec."
            )
        self.left: dict[str, Any] = {str(key): value for key, value in document.items()}
        self.known: list[str] = []
        self.where, self.prefix = where, prefix

    def take(self, key: str, *default: Any) -> Any:
        """Take a key; with no default it must be there."""
        self.known.append(key)
        if key in self.left:
            return self.left.pop(key)
        if default:
            return default[0]
        near = difflib.get_close_matches(key, self.left, n=1)
        hint = f"Did you mean it by {near[0]!r}?" if near else "Add it."
        raise SpecError(f"{self.where}: key {self.prefix + key!r} is missing. {hint}")

    def section(self, key: str, *, optional: bool = False) -> "Reader":
        """A nested mapping; its keys are this reader's to check."""
        value = self.take(key, *([{}] if optional else []))
        return Reader({} if optional and value is None else value, self.where, f"{self.prefix}{key}.")

    def text(self, key: str, *default: str | None) -> Any:
        """A non-empty text."""
        value = self.take(key, *default)
        if value is None and default:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self._bad(key, value, "a text")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], wanted: str) -> str:
        """A text of a given form."""
        value: str = self.text(key)
        if not pattern.fullmatch(value):
            raise self._bad(key, value, wanted)
        return value

    def one_of(self, key: str, allowed: Sequence[str]) -> str:
        """One of a few words."""
        value = self.take(key)
        if value not in allowed:
            raise self._bad(key, value, "one of " + ", ".join(allowed))
        return str(value)

    def number(self, key: str, default: float) -> float:
        """A finite number; a truth value is none."""
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._bad(key, value, "a number")
        return value

    def positive(self, key: str) -> float:
        """A number over zero that must be given."""
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise self._bad(key, value, "a number over 0")
        return value

    def days(self, key: str, *default: float) -> timedelta:
        """A span in days, at most a century; over zero where it must be given."""
        value = self.number(key, *default) if default else self.positive(key)
        if not 0 <= value <= CENTURY:
            raise self._bad(key, value, f"a number of days up to {CENTURY}")
        return timedelta(days=value)

    def mapping(self, key: str) -> dict[str, Any]:
        """A mapping whose keys are another reader's to check; absent means empty."""
        value = self.take(key, None)
        if value is not None and not isinstance(value, Mapping):
            raise self._bad(key, value, "a mapping of keys to values")
        return dict(value or {})

    def level(self, key: str) -> int | str | None:
        """A class as it stands in the data, or null: true is 1, and 1.0 is."""
        value = self.take(key, None)
        if (isinstance(value, float) and value.is_integer()) or isinstance(value, bool):
            return int(value)
        if value is not None and not isinstance(value, int | str):
            raise self._bad(key, value, "a class as it stands in the data, such as 1, or null")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of different texts; absent means none."""
        value = self.take(key, None) or []
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self._bad(key, value, "a list of texts")
        if len(set(value)) != len(value):
            raise self._bad(key, value, "a list without repetition")
        return tuple(value)

    def moment(self, key: str) -> datetime:
        """An ISO 8601 time."""
        value = self.take(key)
        try:
            return as_utc(value if isinstance(value, datetime) else str(value))
        except ValueError:
            raise self._bad(key, value, "an ISO 8601 time such as 2026-01-31T00:00:00Z") from None

    def done(self) -> None:
        """Refuse what nobody took, with the nearest known key."""
        for key in self.left:
            near = difflib.get_close_matches(key, self.known, n=1)
            hint = (
                f"Did you mean {self.prefix + near[0]!r}?"
                if near
                else f"Known: {', '.join(sorted(self.known))}."
            )
            raise SpecError(f"{self.where}: unknown key {self.prefix + key!r}. {hint}")

    def _bad(self, key: str, value: Any, wanted: str) -> SpecError:
        return SpecError(f"{self.where}: {self.prefix + key} is {value!r}; write {wanted}.")
