"""The policy: thresholds with their reasons, and one total table from findings to severity and playbook."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from amends.domain.canonical import digest_of
from amends.domain.findings import Category
from amends.domain.spec import IMPORTANCES
from amends.errors import PolicyError

SEVERITIES = ("SEV1", "SEV2", "SEV3", "SEV4")
PLAYBOOKS = (
    "observe", "quarantine", "mask", "retrain", "recalibrate", "rollback", "mitigate_bias", "revalidate",
)  # fmt: skip
ROLES = ("data-science", "product", "legal")
FACTS = (
    "bad_data", "wide", "drifted", "new_version", "worsened", "performance_lost", "performance_known",
    "ranking_holds", "miscalibrated", "others_hold",
)  # fmt: skip
"""What a rule may ask about a window; :mod:`amends.domain.decision` says what each means."""
KEYS = (
    "schema_version", "name", "reviewed_on", "limits", "precedence", "severity", "breadth", "rules",
    "approvals", "response_hours", "containment", "baking_windows",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row of the decision table: on a breach of ``category`` under these facts, run these playbooks."""

    name: str
    category: str
    when: Mapping[str, bool]
    run: tuple[str, ...]
    why: str

    def fits(self, category: str, facts: Mapping[str, bool]) -> bool:
        """Whether the row speaks for a category under the facts."""
        return category == self.category and all(facts[name] is wanted for name, wanted in self.when.items())

    def covers(self, other: "Rule") -> bool:
        """Whether every window that fits the other row fits this one, too."""
        return self.category == other.category and self.when.items() <= other.when.items()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is tolerated, how grave a breach is, what is done about it and who has to agree.

    ``precedence``: all categories, in the order in which they speak. ``severities``: by category, then by
    importance of the model.
    """

    name: str
    limits: Mapping[str, float]
    precedence: tuple[str, ...]
    severities: Mapping[str, Mapping[str, str]]
    breadth: int
    rules: tuple[Rule, ...]
    roles: Mapping[str, tuple[str, ...]]
    timeouts: Mapping[str, timedelta]
    containment: tuple[str, ...]
    baking_windows: int
    document: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def digest(self) -> str:
        """Content digest of the policy as it was written."""
        return digest_of(self.document)

    def limit(self, name: str) -> float:
        """A threshold by its dotted name. :raises PolicyError: the policy has none of that name."""
        if name not in self.limits:
            raise PolicyError(
                f"policy {self.name!r}: limit {name!r} is missing. {_nearest(name, self.limits)}"
            )
        return self.limits[name]

    def rule_for(self, category: str, facts: Mapping[str, bool]) -> Rule:
        """The first row that speaks for a category; the table is total, so there is one."""
        return next(rule for rule in self.rules if rule.fits(category, facts))

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
        """Apply a model spec's ``policy`` section: other ``limits``, ``baking_windows`` or ``containment``.

        :raises PolicyError: a key or a limit that this policy does not know.
        """
        if not changes:
            return self
        _refuse_unknown(changes, ("limits", "baking_windows", "containment"), f"{where}: policy")
        limits = changes.get("limits") or {}
        _refuse_unknown(limits, self.limits, f"{where}: policy.limits")
        why = f"override of {where}"
        written = {name: {"value": value, "why": why} for name, value in limits.items()}
        document = {**self.document, **changes, "limits": {**self.document["limits"], **written}}
        return policy_from_document(document, where)


def policy_from_document(document: Any, where: str) -> Policy:
    """Read a parsed YAML document as a policy.

    :param where: the file's name, for messages.
    :raises PolicyError: an unknown or missing key, a bad value, a gap, or a row that can never fire.
    """
    if not isinstance(document, Mapping):
        raise PolicyError(f"{where}: not a mapping of keys to values. See policies/default.yaml.")
    _refuse_unknown(document, KEYS, where)
    for key in KEYS:
        if key not in document:
            raise PolicyError(f"{where}: key {key!r} is missing. Add it; policies/default.yaml shows it.")
    hours = _table(document, "response_hours", SEVERITIES, where)
    return Policy(
        name=str(document["name"]),
        limits={name: _limit(name, row, where) for name, row in _mapping(document, "limits", where).items()},
        precedence=_precedence(document, where),
        severities=_severities(document, where),
        breadth=_count(document, "breadth", where),
        rules=_rules(document, where),
        roles={s: _words(row, ROLES, f"{where}: approvals.{s}")
               for s, row in _table(document, "approvals", SEVERITIES, where).items()},
        timeouts={s: timedelta(hours=_positive(h, f"{where}: response_hours.{s}")) for s, h in hours.items()},
        containment=_words(document["containment"], PLAYBOOKS, f"{where}: containment"),
        baking_windows=_count(document, "baking_windows", where),
        document=_plain(document),
    )  # fmt: skip


def _limit(name: str, row: Any, where: str) -> float:
    place = f"{where}: limits.{name}"
    if not isinstance(row, Mapping) or "value" not in row or not row.get("why"):
        raise PolicyError(f"{place} needs a value and a why. Say what the number rests on.")
    _refuse_unknown(row, ("value", "why", "source"), place)
    value = row["value"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise PolicyError(f"{place}.value is {value!r}; write a number of at least 0.")
    return float(value)


def _precedence(document: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Every category once: a mapping's order would not stand in the policy's digest, a list's does."""
    categories = [str(category) for category in Category]
    order = _words(document["precedence"], categories, f"{where}: precedence")
    missing = [category for category in categories if category not in order]
    if missing or len(order) != len(categories):
        wrong = f"has no {missing[0]}" if missing else "names a category twice"
        raise PolicyError(f"{where}: precedence {wrong}. Write each category once.")
    return order


def _severities(document: Mapping[str, Any], where: str) -> dict[str, dict[str, str]]:
    table = _table(document, "severity", [str(category) for category in Category], where)
    for category, row in table.items():
        by_importance = _table({"severity": row}, "severity", IMPORTANCES, f"{where}: {category}")
        for severity in by_importance.values():
            _words([severity], SEVERITIES, f"{where}: severity.{category}")
    return {category: dict(row) for category, row in table.items()}


def _rules(document: Mapping[str, Any], where: str) -> tuple[Rule, ...]:
    rows = document["rules"]
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise PolicyError(f"{where}: rules is not a list of rows. See policies/default.yaml.")
    rules = tuple(_rule(row, f"{where}: rules[{i}]") for i, row in enumerate(rows))
    for i, rule in enumerate(rules):
        earlier = next((other for other in rules[:i] if other.covers(rule)), None)
        if earlier:
            raise PolicyError(
                f"{where}: rule {rule.name!r} can never fire after {earlier.name!r}. Reorder or drop one."
            )
    for category in Category:
        if not any(rule.category == category and not rule.when for rule in rules):
            raise PolicyError(
                f"{where}: no rule without a when for {category}. Add one: the table has to be total."
            )
    return rules


def _rule(row: Any, place: str) -> Rule:
    if not isinstance(row, Mapping):
        raise PolicyError(f"{place} is not a mapping. Write name, category, when, run and why.")
    _refuse_unknown(row, ("name", "category", "when", "run", "why"), place)
    for key in ("name", "category", "run", "why"):
        if key not in row:
            raise PolicyError(f"{place}: key {key!r} is missing. Add it.")
    when = row.get("when") or {}
    _refuse_unknown(when, FACTS, f"{place}.when")
    if not all(isinstance(wanted, bool) for wanted in when.values()):
        raise PolicyError(f"{place}.when: each fact is true or false.")
    category = _words([row["category"]], [str(c) for c in Category], f"{place}.category")[0]
    run = _words(row["run"], PLAYBOOKS, f"{place}.run")
    return Rule(name=str(row["name"]), category=category, when=dict(when), run=run, why=str(row["why"]))


def _mapping(document: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = document[key]
    if not isinstance(value, Mapping):
        raise PolicyError(f"{where}: {key} is not a mapping. See policies/default.yaml.")
    return value


def _table(document: Mapping[str, Any], key: str, rows: Sequence[str], where: str) -> Mapping[str, Any]:
    """A mapping that has exactly these rows."""
    table = _mapping(document, key, where)
    _refuse_unknown(table, rows, f"{where}: {key}")
    missing = [row for row in rows if row not in table]
    if missing:
        raise PolicyError(f"{where}: {key} has no row for {missing[0]}. Add it: the table has to be total.")
    return table


def _words(value: Any, allowed: Sequence[str], place: str) -> tuple[str, ...]:
    good = isinstance(value, list | tuple) and all(word in allowed for word in value)
    if not good:
        raise PolicyError(f"{place} is {value!r}; choose from: {', '.join(allowed)}.")
    return tuple(value)


def _count(document: Mapping[str, Any], key: str, where: str) -> int:
    value = document[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PolicyError(f"{where}: {key} is {value!r}; write a whole number of at least 1.")
    return value


def _positive(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise PolicyError(f"{place} is {value!r}; write a number over 0.")
    return value


def _refuse_unknown(found: Any, known: Any, place: str) -> None:
    if not isinstance(found, Mapping):
        raise PolicyError(f"{place} is {found!r}; write a mapping of keys to values.")
    for key in found:
        if key not in known:
            raise PolicyError(f"{place}: unknown key {key!r}. {_nearest(str(key), known)}")


def _nearest(key: str, known: Any) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
