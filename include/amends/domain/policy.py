"""The policy: thresholds with their reasons, and one total table from findings to severity and playbook."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from amends.domain.canonical import digest_of
from amends.domain.duties import Duty, read_duties
from amends.domain.findings import Category
from amends.domain.persistence import Persistence, read_persistence
from amends.domain.policy_reading import (
    day,
    mapping,
    nearest,
    plain,
    positive,
    refuse_unknown,
    table,
    whole,
    words,
)
from amends.domain.risks import AcceptedRisk, read_rehearsed, read_risks
from amends.domain.rules import (
    FACTS,
    FITTING,
    PLAYBOOKS,
    Rule,
    SeverityRule,
    read_rules,
    read_severity_rules,
)
from amends.domain.spec import IMPORTANCES
from amends.errors import PolicyError

__all__ = ["FACTS", "PLAYBOOKS", "ROLES", "SEVERITIES", "Policy", "policy_from_document"]

SCHEMA_VERSION = 2
SEVERITIES = ("SEV1", "SEV2", "SEV3", "SEV4")
ROLES = ("data-science", "product", "legal")
KEYS = (
    "schema_version", "name", "reviewed_on", "limits", "precedence", "severity", "severity_rules", "breadth",
    "irreversible", "rules", "persistence", "approvals", "response_hours", "duties", "containment",
    "baking_windows", "rehearse", "accepted_risks",
)  # fmt: skip
OVERRIDES = ("limits", "baking_windows", "containment", "rehearse", "accepted_risks")
"""What a model's spec may say in its ``policy`` section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is tolerated, how grave a breach is, what is done about it and who has to agree.

    ``precedence``: all categories, in the order in which they speak. ``severities``: by category, then by
    importance of the model; ``severity_rules`` move them. ``irreversible``: categories whose harm no earlier
    version takes back. ``persistence``: by category. ``duties``: by severity. ``known``: the playbooks there
    are, which rules may name.
    """

    name: str
    limits: Mapping[str, float]
    precedence: tuple[str, ...]
    severities: Mapping[str, Mapping[str, str]]
    severity_rules: tuple[SeverityRule, ...]
    breadth: int
    irreversible: tuple[str, ...]
    rules: tuple[Rule, ...]
    persistence: Mapping[str, Persistence]
    roles: Mapping[str, tuple[str, ...]]
    timeouts: Mapping[str, timedelta]
    duties: Mapping[str, Duty]
    containment: tuple[str, ...]
    baking_windows: int
    rehearse: tuple[str, ...]
    accepted_risks: tuple[AcceptedRisk, ...]
    document: Mapping[str, Any] = field(compare=False, repr=False)
    known: tuple[str, ...] = PLAYBOOKS

    @property
    def digest(self) -> str:
        """Content digest of the policy as it was written."""
        return digest_of(self.document)

    def limit(self, name: str) -> float:
        """A threshold by its dotted name. :raises PolicyError: the policy has none of that name."""
        if name not in self.limits:
            raise PolicyError(
                f"policy {self.name!r}: limit {name!r} is missing. {nearest(name, self.limits)}"
            )
        return self.limits[name]

    def rule_for(self, category: str, facts: Mapping[str, bool]) -> Rule:
        """The first row that speaks for a category; the table is total, so there is one."""
        return next(rule for rule in self.rules if rule.fits(category, facts))

    def severity_rule_for(self, facts: Mapping[str, bool]) -> SeverityRule:
        """The first severity rule that fits; the last of them always does."""
        return next(rule for rule in self.severity_rules if not rule.missing(facts))

    def approving_roles(self, severity: str) -> tuple[str, ...]:
        """Roles that each have to approve a new version before it serves."""
        return self.roles[severity]

    def response_timeout(self, severity: str) -> timedelta:
        """How long an approver may take; silence after it is a no."""
        return self.timeouts[severity]

    def may_contain(self, playbook: str) -> bool:
        """Whether the playbook is pre-authorised: carried out before anybody is asked."""
        return playbook in self.containment

    def overridden(self, changes: Mapping[str, Any], where: str) -> "Policy":
        """Apply a model spec's ``policy`` section: some of :data:`OVERRIDES`.

        :raises PolicyError: a key, a limit or an entry that this policy cannot read.
        """
        if not changes:
            return self
        refuse_unknown(changes, OVERRIDES, f"{where}: policy")
        limits = changes.get("limits") or {}
        refuse_unknown(limits, self.limits, f"{where}: policy.limits")
        why = f"override of {where}"
        written = {name: {"value": value, "why": why} for name, value in limits.items()}
        document = {**self.document, **changes, "limits": {**self.document["limits"], **written}}
        return policy_from_document(document, where, self.known)


def policy_from_document(document: Any, where: str, known: Collection[str] = PLAYBOOKS) -> Policy:
    """Read a parsed YAML document as a policy.

    :param where: the file's name, for messages.
    :param known: names of the playbooks that there are: the packaged ones, and a team's own.
    :raises PolicyError: an unknown or missing key, a bad value, a contradiction, a gap, or a row that can
        never fire.
    """
    if not isinstance(document, Mapping):
        raise PolicyError(f"{where}: not a mapping of keys to values. See policies/default.yaml.")
    refuse_unknown(document, KEYS, where)
    for key in KEYS:
        if key not in document:
            raise PolicyError(f"{where}: key {key!r} is missing. Add it; policies/default.yaml shows it.")
    if document["schema_version"] != SCHEMA_VERSION:
        raise PolicyError(
            f"{where}: schema_version is {document['schema_version']!r}; this release reads "
            f"{SCHEMA_VERSION}. Start from policies/default.yaml."
        )
    day(document["reviewed_on"], f"{where}: reviewed_on")
    hours = table(document, "response_hours", SEVERITIES, where)
    return Policy(
        name=str(document["name"]),
        limits={name: _limit(name, row, where) for name, row in mapping(document, "limits", where).items()},
        precedence=_precedence(document, where),
        severities=_severities(document, where),
        severity_rules=read_severity_rules(document, where),
        breadth=whole(document["breadth"], 1, f"{where}: breadth"),
        irreversible=words(document["irreversible"], _categories(), f"{where}: irreversible"),
        rules=read_rules(document, where, known),
        persistence=read_persistence(document, where),
        roles={s: words(row, ROLES, f"{where}: approvals.{s}")
               for s, row in table(document, "approvals", SEVERITIES, where).items()},
        timeouts={s: timedelta(hours=positive(h, f"{where}: response_hours.{s}")) for s, h in hours.items()},
        duties=read_duties(document, SEVERITIES, where),
        containment=_containment(document, where),
        baking_windows=whole(document["baking_windows"], 1, f"{where}: baking_windows"),
        rehearse=read_rehearsed(document, where),
        accepted_risks=read_risks(document, where),
        document=plain(document),
        known=tuple(known),
    )  # fmt: skip


def _limit(name: str, row: Any, where: str) -> float:
    place = f"{where}: limits.{name}"
    if not isinstance(row, Mapping) or "value" not in row or not row.get("why"):
        raise PolicyError(f"{place} needs a value and a why. Say what the number rests on.")
    refuse_unknown(row, ("value", "why", "source"), place)
    value = row["value"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise PolicyError(f"{place}.value is {value!r}; write a number of at least 0.")
    return float(value)


def _precedence(document: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Every category once: a mapping's order would not stand in the policy's digest, a list's does."""
    order = words(document["precedence"], _categories(), f"{where}: precedence")
    missing = [category for category in _categories() if category not in order]
    if missing or len(order) != len(_categories()):
        wrong = f"has no {missing[0]}" if missing else "names a category twice"
        raise PolicyError(f"{where}: precedence {wrong}. Write each category once.")
    return order


def _severities(document: Mapping[str, Any], where: str) -> dict[str, dict[str, str]]:
    rows = table(document, "severity", _categories(), where)
    for category, row in rows.items():
        by_importance = table({"severity": row}, "severity", IMPORTANCES, f"{where}: {category}")
        grades = words(
            [by_importance[one] for one in IMPORTANCES], SEVERITIES, f"{where}: severity.{category}"
        )
        if list(grades) != sorted(grades):
            raise PolicyError(
                f"{where}: severity.{category} is milder for a more important model. "
                f"Write it from critical to low: {', '.join(sorted(grades))}."
            )
    return {category: dict(row) for category, row in rows.items()}


def _containment(document: Mapping[str, Any], where: str) -> tuple[str, ...]:
    allowed = words(document["containment"], PLAYBOOKS, f"{where}: containment")
    fitting = [playbook for playbook in allowed if playbook in FITTING]
    if fitting:
        raise PolicyError(
            f"{where}: containment holds {fitting[0]}, and a new fit never serves unasked. Take it out."
        )
    return allowed


def _categories() -> Sequence[str]:
    return [str(category) for category in Category]
