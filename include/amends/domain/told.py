"""One event as people are told it, and the words that sentences are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """One event as people are told it: a sentence, and the reasons or numbers behind it."""

    sentence: str
    details: tuple[str, ...] = ()


def span(facts: Facts) -> str:
    """The window that an event is about, in the middle of a sentence; nothing where there is none."""
    window = facts.get("window")
    return f" in the window {window['start'][:10]} to {window['end'][:10]}" if window else ""


def listed(words: Sequence[str]) -> str:
    """Names as a list in a sentence."""
    return ", ".join(word.replace("_", " ") for word in words)
