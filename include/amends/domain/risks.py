"""Findings that take no part in a decision: risks that a person accepted, checks that only rehearse."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from amends.domain.findings import Category, Finding
from amends.domain.policy_reading import day, record, rows, text, words
from amends.domain.window import as_utc
from amends.errors import PolicyError

About = str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRisk:
    """A risk that a named person accepted until a day, that day included.

    ``metric``, ``column`` and ``attribute`` narrow it down; None stands for any.
    """

    category: str
    until: date
    reason: str
    by: str
    metric: str | None = None
    column: About = None
    attribute: About = None

    def speaks_of(self, finding: Finding) -> bool:
        """Whether the finding is what was accepted, whenever that was."""
        asked = (
            (self.metric, finding.metric),
            (self.column, finding.column),
            (self.attribute, finding.attribute),
        )
        return self.category == finding.category and all(mine in {None, theirs} for mine, theirs in asked)

    def holds(self, window_end: str | None) -> bool:
        """Whether it still holds at a window's end (ISO 8601); without an end nothing is known to hold."""
        try:
            return window_end is not None and as_utc(window_end).date() <= self.until
        except ValueError:
            return False

    def document(self) -> dict[str, Any]:
        """Return the risk as JSON."""
        return {
            "category": self.category,
            "metric": self.metric,
            "column": _json(self.column),
            "attribute": _json(self.attribute),
            "until": self.until.isoformat(),
            "reason": self.reason,
            "by": self.by,
        }


def read_risks(document: Mapping[str, Any], where: str) -> tuple[AcceptedRisk, ...]:
    """Read the accepted risks. :raises PolicyError: no end, no name, no reason, or an unknown category."""
    return tuple(_risk(row, place) for row, place in rows(document, "accepted_risks", where))


def _risk(row: Any, place: str) -> AcceptedRisk:
    row = record(row, ("category", "until", "reason", "by"), ("metric", "column", "attribute"), place)
    return AcceptedRisk(
        category=words([row["category"]], [str(one) for one in Category], f"{place}.category")[0],
        until=day(row["until"], f"{place}.until"),
        reason=text(row["reason"], f"{place}.reason"),
        by=text(row["by"], f"{place}.by"),
        metric=None if row.get("metric") is None else text(row["metric"], f"{place}.metric"),
        column=_about(row.get("column"), f"{place}.column"),
        attribute=_about(row.get("attribute"), f"{place}.attribute"),
    )


def _about(value: Any, place: str) -> About:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise PolicyError(f"{place} is {value!r}; write one name, or a list of names for several together.")


def read_rehearsed(document: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Read which metrics and categories only rehearse. :raises PolicyError: one is no name, or mistyped."""
    known = [str(one) for one in Category]
    for name, place in rows(document, "rehearse", where):
        if not isinstance(name, str) or not name.strip():
            raise PolicyError(f"{place} is {name!r}; write the name of a metric or a category.")
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if near and name not in known:
            raise PolicyError(f"{place}: {name!r} is no category. Did you mean {near[0]!r}?")
    return tuple(document["rehearse"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Findings by the part that they take: ``acting`` ones decide, the others are only told."""

    acting: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, AcceptedRisk], ...]
    expired: tuple[tuple[Finding, AcceptedRisk], ...]
    rehearsed: tuple[Finding, ...]


def sort_out(
    findings: Sequence[Finding],
    risks: Sequence[AcceptedRisk],
    rehearsed: Sequence[str],
    window_end: str | None,
) -> Sorted:
    """Part findings into those that act and those that are told only.

    An accepted risk covers breaches and nothing else: a check that could not run is nobody's accepted risk.
    """
    rehearsing = tuple(one for one in findings if {one.metric, str(one.category)} & set(rehearsed))
    live = [one for one in findings if one not in rehearsing]
    accepted = tuple((one, risk) for one in live if (risk := _risk_of(one, risks, window_end)))
    taken = [one for one, _ in accepted]
    expired = tuple(
        (one, risk) for one in live if one.is_breach and one not in taken
        for risk in risks if risk.speaks_of(one)
    )  # fmt: skip
    return Sorted(
        acting=tuple(one for one in live if one not in taken),
        accepted=accepted,
        expired=expired,
        rehearsed=rehearsing,
    )


def _risk_of(finding: Finding, risks: Sequence[AcceptedRisk], window_end: str | None) -> AcceptedRisk | None:
    holding = (risk for risk in risks if risk.speaks_of(finding) and risk.holds(window_end))
    return next(holding, None) if finding.is_breach else None


def _json(about: About) -> Any:
    return list(about) if isinstance(about, tuple) else about
