"""How far scores and predictions are off, group by group, from a digest's sums."""

from collections.abc import Mapping

import numpy as np

from amends.domain.spec import ModelSpec
from amends.measures.arrow import Floats
from amends.measures.counting import OTHER, Key
from amends.measures.digests import WindowDigest
from amends.measures.groups import GroupMeasure, means

Group = tuple[str, ...]
ROWS, FIRST, SECOND, ABSOLUTE = range(4)
"""Places in a digest's sums (see :mod:`amends.measures.sums`): rows, and of scores or errors the sum, the sum
of squares and (errors) the sum without sign."""


def group_calibration(spec: ModelSpec, window: WindowDigest, names: Group) -> GroupMeasure:
    """Mean score less the share of outcomes that it speaks of, by group, over labelled rows.

    ``mean(score) - P(y = 1)`` in a binary task, ``mean(score) - P(yhat = y)`` of several classes. Range
    [-1, 1]; 0 means that scores are right on average, above 0 they are too high for that group.
    Groups are calibrated alike and err alike only where base rates are alike.
    Source: Chouldechova (2017), "Fair prediction with disparate impact"; Kleinberg, Mullainathan, Raghavan
    (2016), "Inherent trade-offs in the fair determination of risk scores".
    """
    found: dict[Group, Floats] = {}
    for key, sums in _by_group(spec, window, names):
        group, (label, predicted) = key
        outcome = _outcome(spec, label, predicted)
        if outcome is not None:
            n, score, squares = sums[ROWS], sums[FIRST], sums[SECOND]
            terms = np.array([n, score - outcome * n, squares - 2 * outcome * score + outcome * n])
            found[group] = found.get(group, np.zeros(3)) + terms
    return _means(found)


def group_errors(spec: ModelSpec, window: WindowDigest, names: Group, *, absolute: bool) -> GroupMeasure:
    """Mean error (label less prediction) or mean absolute error of a regression, by group.

    In the label's unit. 0 of the mean error means that predictions are right on average; above 0 they are too
    low for that group.
    """
    found: dict[Group, Floats] = {}
    for (group, _), sums in _by_group(spec, window, names):
        terms = sums[[ROWS, ABSOLUTE if absolute else FIRST, SECOND]]
        found[group] = found.get(group, np.zeros(3)) + terms
    return _means(found)


def spread_of_errors(window: WindowDigest) -> float:
    """Standard deviation of all errors of a regression, in the label's unit."""
    if not window.sums:
        return 0.0
    total = np.sum(list(window.sums.values()), axis=0)
    mean = total[FIRST] / total[ROWS]
    return float(np.sqrt(max(total[SECOND] / total[ROWS] - mean * mean, 0.0)))


def expected_gap(measure: GroupMeasure) -> float:
    """Mean over people of how far their group's mean is off: ``sum_g n_g |m_g| / n``. At least 0."""
    return float(np.abs(measure.value) @ measure.rows / measure.rows.sum())


def _by_group(spec: ModelSpec, window: WindowDigest, names: Group) -> list[tuple[tuple[Group, Key], Floats]]:
    """The digest's sums by group and what else they are kept by, in a fixed order."""
    at = [window.dimensions.index(name) for name in names]
    rest = 1 + len(spec.columns.sensitive)
    found = []
    for key in sorted(window.sums, key=_order):
        group = tuple(level for i in at if (level := key[i]) is not None and level != OTHER)
        if len(group) == len(at):
            found.append(((group, key[rest:]), window.sums[key]))
    return found


def _order(key: Key) -> tuple[tuple[bool, str], ...]:
    return tuple((part is not None, part or "") for part in key)


def _outcome(spec: ModelSpec, label: str | None, predicted: str | None) -> int | None:
    """What the score speaks of: label 1, or of several classes that the prediction was right."""
    if spec.task == "binary_classification":
        return {"0": 0, "1": 1}.get(label or "")
    return None if label is None or predicted is None else int(label == predicted)


def _means(found: Mapping[Group, Floats]) -> GroupMeasure:
    keys = sorted(found)
    sums = np.array([found[key] for key in keys]).reshape(-1, 3)
    names = [" & ".join(key) for key in keys]
    return means(names, np.round(sums[:, 0]).astype(np.int64), sums[:, 1], sums[:, 2])
