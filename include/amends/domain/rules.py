"""Two tables of rules: which playbooks a breach asks for, and by how much it is graver than usual."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from amends.domain.findings import Category
from amends.domain.policy_reading import conditions, nearest, record, rows, text, words
from amends.errors import PolicyError

PLAYBOOKS = (
    "observe", "quarantine", "mask", "retrain", "recalibrate", "rollback", "mitigate_bias", "revalidate",
)  # fmt: skip
FITTING = ("retrain", "recalibrate", "mitigate_bias")
"""Playbooks that fit a version to rows: never to bad ones, and never without being asked."""
FACTS = (
    "bad_data", "wide", "drifted", "new_version", "worsened", "performance_lost", "performance_known",
    "ranking_holds", "miscalibrated", "others_hold", "others_fell", "slice_alone", "other_answers",
)  # fmt: skip
"""What a rule may ask about a window; :mod:`amends.domain.diagnosis` says what each means."""
IMPOSSIBLE: tuple[Mapping[str, bool], ...] = (
    {"wide": True, "bad_data": False},
    {"performance_lost": True, "performance_known": False},
    {"slice_alone": True, "performance_known": False},
    {"slice_alone": True, "performance_lost": True},
    {"ranking_holds": True, "performance_known": False},
    {"others_hold": True, "others_fell": True},
)
"""Facts that exclude each other; a row that asks for both can never fire."""
GRADES = ("gross", "broad", "many", "lasting", "irreversible", "standing", "slice_alone")
"""What a severity rule may ask about a category; :mod:`amends.domain.severity` says what each means."""
MOST_STEPS = 3


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
        return category == self.category and not self.missing(facts)

    def missing(self, facts: Mapping[str, bool]) -> dict[str, bool]:
        """Conditions of the row that the facts do not meet."""
        return {name: wanted for name, wanted in self.when.items() if bool(facts[name]) != wanted}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityRule:
    """A row of the severity rules: under these facts a category is so many steps graver (or milder)."""

    name: str
    when: Mapping[str, bool]
    steps: int
    why: str
    source: str

    def missing(self, facts: Mapping[str, bool]) -> dict[str, bool]:
        """Conditions of the row that the facts do not meet."""
        return {name: wanted for name, wanted in self.when.items() if bool(facts[name]) != wanted}


Row = TypeVar("Row", Rule, SeverityRule)
Facts: TypeAlias = Mapping[str, bool]
Speaker: TypeAlias = tuple[Facts, Row]
"""Facts, and the row that speaks first under them."""


def read_rules(
    document: Mapping[str, Any], where: str, known: Collection[str] = PLAYBOOKS
) -> tuple[Rule, ...]:
    """Read the decision table.

    :param known: the playbooks that there are, a team's own among them.

    :raises PolicyError: a gap, two rows that contradict each other, or a row that can never fire.
    """
    found = tuple(_rule(row, place, known) for row, place in rows(document, "rules", where))
    _refuse_repeated_names(found, where)
    for category in Category:
        mine = [rule for rule in found if rule.category == category]
        _refuse_gap(mine, f"{where}: no rule without a when for {category}")
        for one, other in _doubles(mine):
            if one.run != other.run:
                raise _contradiction(where, one.name, other.name)
        speakers = list(_speakers(mine, ["bad_data"]))
        _refuse_unreachable(mine, speakers, where)
        _refuse_fitting_bad_data(speakers, where)
    return found


def read_severity_rules(document: Mapping[str, Any], where: str) -> tuple[SeverityRule, ...]:
    """Read the severity rules. :raises PolicyError: as :func:`read_rules`."""
    found = tuple(_severity_rule(row, place) for row, place in rows(document, "severity_rules", where))
    _refuse_repeated_names(found, where)
    _refuse_gap(found, f"{where}: no severity rule without a when")
    for one, other in _doubles(found):
        if one.steps != other.steps:
            raise _contradiction(where, one.name, other.name)
    _refuse_unreachable(found, list(_speakers(found)), where)
    return found


def _rule(row: Any, place: str, known: Collection[str]) -> Rule:
    row = record(row, ("name", "category", "run", "why"), ("when", "source"), place)
    run = _playbooks(row["run"], known, f"{place}.run")
    if not run or len(set(run)) < len(run) or ("observe" in run and len(run) > 1):
        raise PolicyError(
            f"{place}.run is {list(run)}; write each playbook once, at least one, and observe only alone."
        )
    return Rule(
        name=text(row["name"], f"{place}.name"),
        category=words([row["category"]], [str(c) for c in Category], f"{place}.category")[0],
        when=conditions(row, FACTS, place),
        run=run,
        why=text(row["why"], f"{place}.why"),
    )


def _playbooks(value: Any, known: Collection[str], place: str) -> tuple[str, ...]:
    """Playbooks by name. :raises PolicyError: one that nobody wrote; the message names the nearest known."""
    for name in value if isinstance(value, list | tuple) else ():
        if name not in known:
            raise PolicyError(
                f"{place} names playbook {name!r}, which is not there. {nearest(str(name), known)}"
            )
    return words(value, list(known), place)


def _severity_rule(row: Any, place: str) -> SeverityRule:
    row = record(row, ("name", "steps", "why", "source"), ("when",), place)
    steps = row["steps"]
    if isinstance(steps, bool) or not isinstance(steps, int) or abs(steps) > MOST_STEPS:
        raise PolicyError(
            f"{place}.steps is {steps!r}; write a whole number from -3 to 3 (1: a step graver)."
        )
    return SeverityRule(
        name=text(row["name"], f"{place}.name"),
        when=conditions(row, GRADES, place),
        steps=steps,
        why=text(row["why"], f"{place}.why"),
        source=text(row["source"], f"{place}.source"),
    )


def _refuse_repeated_names(found: Sequence[Rule] | Sequence[SeverityRule], where: str) -> None:
    names = [rule.name for rule in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise PolicyError(f"{where}: two rules are called {twice!r}. Rename one: decisions name their rule.")


def _refuse_gap(mine: Sequence[Rule] | Sequence[SeverityRule], said: str) -> None:
    if not any(not rule.when for rule in mine):
        raise PolicyError(f"{said}. Add one at the end: the table has to be total.")


def _doubles(mine: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Pairs of rows with the same conditions."""
    return [(a, b) for i, a in enumerate(mine) for b in mine[i + 1 :] if a.when == b.when]


def _contradiction(where: str, one: str, other: str) -> PolicyError:
    return PolicyError(
        f"{where}: rules {one!r} and {other!r} have the same when and contradict each other. Keep one."
    )


def _refuse_unreachable(mine: Sequence[Row], speakers: Sequence[Speaker[Row]], where: str) -> None:
    """Refuse rows that speak first under no combination of facts that can be."""
    fired = {speaker.name for _, speaker in speakers}
    for i, rule in enumerate(mine):
        if rule.name in fired:
            continue
        clash = next((one for one in IMPOSSIBLE if one.items() <= rule.when.items()), None)
        if clash:
            asked = " and ".join(f"{name}: {str(wanted).lower()}" for name, wanted in clash.items())
            raise PolicyError(f"{where}: rule {rule.name!r} can never fire: {asked} exclude each other.")
        before = [one for one in mine[:i] if one.when.items() <= rule.when.items()] or mine[:i]
        named = " and ".join(repr(one.name) for one in before)
        raise PolicyError(f"{where}: rule {rule.name!r} can never fire after {named}. Reorder or drop one.")


def _refuse_fitting_bad_data(speakers: Sequence[Speaker[Rule]], where: str) -> None:
    for facts, rule in speakers:
        wrong = [playbook for playbook in rule.run if playbook in FITTING]
        if facts["bad_data"] and wrong:
            raise PolicyError(
                f"{where}: rule {rule.name!r} would {wrong[0]} on bad data. "
                f"Put a row for {rule.category} with when: {{bad_data: true}} before it."
            )


def _speakers(
    mine: Sequence[Row], asked: Sequence[str] = (), known: Facts = MappingProxyType({})
) -> Iterator[Speaker[Row]]:
    """Walk through all that can be: the row that speaks first, and the facts that decide that it does.

    :param asked: facts that are to be among them in any case.
    """
    if not _possible(known):
        return
    row: Row = next(
        one for one in mine if all(known.get(name, said) == said for name, said in one.when.items())
    )
    left = next((name for name in (*row.when, *asked) if name not in known), None)
    if left is None:
        yield known, row
        return
    for value in (True, False):
        yield from _speakers(mine, asked, {**known, left: value})


def _possible(known: Facts) -> bool:
    """Whether other facts can be such that none exclude each other."""
    if any(one.items() <= known.items() for one in IMPOSSIBLE):
        return False
    left = next(
        (name for one in IMPOSSIBLE if one.keys() & known.keys() for name in one if name not in known), None
    )
    return left is None or any(_possible({**known, left: value}) for value in (True, False))
