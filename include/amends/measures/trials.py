"""What a trial has shown so far: folded window by window, each row taken in once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from amends.domain.trial import Limits, Mode, Trial
from amends.measures.arrow import Floats
from amends.measures.sequential import (
    Sequence,
    paired,
    randomised,
    randomised_sum,
    running_mean,
    widening,
)
from amends.measures.trial_rows import TrialRows

SHARES = {"harm": 0.5, "failures": 0.25, "groups": 0.25}
"""How the tolerated false aborts are shared out (Bonferroni): half for the scores, half for the guards."""
BOUNDS_A_GROUP = 4
"""Lower and upper bound of a group's shift, and of the sum of its two selection rates."""
CENTRE = 0.5
"""What decisions of 0 and 1 are measured from where one version answers each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group's selection rate: under the challenger less under the champion, and the sum of both."""

    shift: Sequence
    total: Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A trial after some windows. ``labelled`` and ``lost``: rows with a label, and the sum of their loss."""

    harm: Sequence
    failures: Sequence
    groups: Mapping[str, Group] = field(default_factory=dict)
    rows: int = 0
    same: int = 0
    compared: int = 0
    labelled: int = 0
    lost: float = 0.0

    def document(self) -> dict[str, Any]:
        """The state as JSON values."""
        groups = {
            name: {"shift": one.shift.document(), "total": one.total.document()}
            for name, one in self.groups.items()
        }
        counts = {name: getattr(self, name) for name in ("rows", "same", "compared", "labelled", "lost")}
        return {
            **counts, "harm": self.harm.document(), "failures": self.failures.document(), "groups": groups,
        }  # fmt: skip

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "State":
        """Read back what :meth:`document` gave."""
        read = Sequence.from_document
        groups = {
            name: Group(shift=read(one["shift"]), total=read(one["total"]))
            for name, one in document["groups"].items()
        }
        return cls(
            **{**document, "harm": read(document["harm"]), "failures": read(document["failures"])}
            | {"groups": groups}
        )


def begin(trial: Trial) -> State:
    """The state before the first row."""
    alpha, widest = trial.limits.false_abort, _range(trial)
    return State(
        harm=Sequence(alpha=alpha * SHARES["harm"], low=-widest, high=widest),
        failures=Sequence(alpha=alpha * SHARES["failures"], low=0.0, high=1.0),
    )


def fold(trial: Trial, state: State, rows: TrialRows) -> State:
    """Take in the rows of one more window."""
    differences, labelled, lost = _differences(trial, state, rows)
    offered = rows.challenger if trial.mode is Mode.CANARY else np.ones(rows.rows, dtype=bool)
    both = np.isfinite(rows.chosen) & np.isfinite(rows.other_chosen)
    return State(
        harm=state.harm.seen(differences),
        failures=state.failures.seen(rows.failed[offered]),
        groups=_grouped(trial, state, rows),
        rows=state.rows + rows.rows,
        same=state.same + int((rows.chosen == rows.other_chosen)[both].sum()),
        compared=state.compared + int(both.sum()),
        labelled=state.labelled + labelled,
        lost=state.lost + lost,
    )


def summary(state: State, limits: Limits) -> dict[str, Any]:
    """What people and :func:`amends.domain.trial.judge` go by; all numbers finite or null.

    ``widest``: the pair of groups whose gap surely widened most, by its bound; ``gap``: the largest estimate.
    """
    pairs = list(_widenings(state, limits))
    return {
        "rows": state.rows,
        "agreement": state.same / state.compared if state.compared else None,
        "harm": _bounds(state.harm),
        "failures": _bounds(state.failures),
        "widest": max(pairs, key=lambda one: one["widening"], default=None),
        "gap": max((one["estimate"] for one in pairs), default=None),
    }


def _bounds(sequence: Sequence) -> dict[str, Any]:
    return {
        "mean": sequence.mean, "lower": sequence.lower, "upper": sequence.upper, "rows": sequence.rows,
    }  # fmt: skip


def _range(trial: Trial) -> float:
    """Largest value that a row's difference can have."""
    return 1 / trial.share if trial.mode is Mode.CANARY else 1.0


def _differences(trial: Trial, state: State, rows: TrialRows) -> tuple[Floats, int, float]:
    """Loss under the challenger less under the champion; how many rows have one, and the loss given."""
    known = np.isfinite(rows.loss)
    if trial.mode is Mode.SHADOW:
        known &= np.isfinite(rows.other_loss)
        loss = rows.loss[known]
        return paired(rows.other_loss[known], loss), len(loss), float(loss.sum())
    loss = rows.loss[known]
    centre = running_mean(loss, state.labelled, state.lost)
    values = randomised(loss, rows.challenger[known], trial.share, centre)
    return values, len(loss), float(loss.sum())


def _grouped(trial: Trial, state: State, rows: TrialRows) -> dict[str, Group]:
    groups = dict(state.groups)
    for name, inside in rows.groups.items():
        known = groups.get(name) or _new_group(trial, len(groups) + 1)
        groups[name] = _group(trial, known, rows, inside)
    return groups


def _new_group(trial: Trial, number: int) -> Group:
    """Open the sequences of the k-th group to appear, with ``1 / (k (k + 1))`` of what groups may err.

    That sums to 1 however many come, so that nobody has to know their number before.
    """
    budget = trial.limits.false_abort * SHARES["groups"] / (number * (number + 1))
    alpha, widest = budget / BOUNDS_A_GROUP, CENTRE * _range(trial) if trial.share else 1.0
    return Group(
        shift=Sequence(alpha=alpha, low=-widest, high=widest),
        total=Sequence(alpha=alpha, low=1 - widest, high=1 + widest),
    )


def _group(trial: Trial, known: Group, rows: TrialRows, inside: Any) -> Group:
    inside = inside & np.isfinite(rows.chosen)
    if trial.mode is Mode.SHADOW:
        inside &= np.isfinite(rows.other_chosen)
        shift = paired(rows.other_chosen[inside], rows.chosen[inside])
        total = rows.other_chosen[inside] + rows.chosen[inside]
    else:
        seen = (rows.chosen[inside], rows.challenger[inside], trial.share, CENTRE)
        shift, total = randomised(*seen), randomised_sum(*seen)
    return Group(shift=known.shift.seen(shift), total=known.total.seen(total))


def _widenings(state: State, limits: Limits) -> Iterator[dict[str, Any]]:
    """Of each pair of groups of one attribute that are large enough: by how much the gap surely widened."""
    large = sorted(name for name, one in state.groups.items() if one.shift.rows >= limits.min_group)
    for a, b in combinations(large, 2):
        if a.partition("=")[0] == b.partition("=")[0]:
            one, two = state.groups[a], state.groups[b]
            shift, total = _less(one.shift, two.shift), _less(one.total, two.total)
            d, e = _apart(one.shift, two.shift), _apart(one.total, two.total)
            estimate = widening((d, d), (e, e))
            yield {"groups": [a, b], "widening": widening(shift, total), "estimate": estimate}


def _apart(one: Sequence, two: Sequence) -> float:
    """Difference of two plain means."""
    return (one.mean or 0.0) - (two.mean or 0.0)


def _less(one: Sequence, two: Sequence) -> tuple[float, float]:
    """Bounds of the difference of two means."""
    return one.lower - two.upper, one.upper - two.lower
