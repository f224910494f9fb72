"""Maps from a score to the share that it should mean: a shifted threshold, Platt's line, isotonic steps."""

from dataclasses import dataclass

import numpy as np

from amends.measures.arrow import Counts, Floats

LEAST_ISOTONIC = 1000
"""Rows under which steps overfit and a line does better (Niculescu-Mizil and Caruana 2005, figure 7)."""
CHOICE = 0.25
"""Share of the rows, the newest, that the kinds of map are compared on."""
EDGE = 1e-6
"""Scores nearer to 0 or 1 are taken as this: log odds and log-loss stay finite."""
STEPS, HALVINGS, TOLERANCE = 100, 40, 1e-9
UNCHANGED = "unchanged"
KINDS = (UNCHANGED, "shift", "platt", "isotonic")
"""Simplest first: of two maps that do equally well the first is taken."""


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """A rising map on [0, 1].

    ``shift`` and ``platt``: ``x = [intercept, slope]`` on the log odds (slope 1 for a shift), ``y`` empty.
    ``isotonic``: knots ``x`` with values ``y``, linear between them, constant outside.
    """

    kind: str
    x: Floats
    y: Floats

    def apply(self, scores: Floats) -> Floats:
        """Map scores; a score that is not finite stays so."""
        if self.kind == UNCHANGED:
            return scores
        if self.kind == "isotonic":
            mapped: Floats = np.interp(scores, self.x, self.y)
            return mapped
        return share_of(self.x[0] + self.x[1] * log_odds(scores))

    def threshold_before(self, threshold: float) -> float | None:
        """Old score that a decision threshold now stands for; None where a step leaves no single one."""
        if self.kind == "isotonic":
            return None
        intercept, slope = (0.0, 1.0) if self.kind == UNCHANGED else (float(one) for one in self.x)
        return float(share_of((log_odds(np.array(threshold)) - intercept) / slope))


@dataclass(frozen=True, eq=False, kw_only=True)
class Choice:
    """The map that was chosen, fitted on all rows, and each kind's log-loss on rows it was not fitted on."""

    chosen: ScoreMap
    log_loss: dict[str, float]
    rows: int


def choose_map(scores: Floats, labels: Counts) -> Choice:
    """Fit each kind of map on the older rows, compare them on the newer, refit the best on all.

    The newest :data:`CHOICE` of the rows decide by log-loss; ``unchanged`` competes, too.

    :param scores: in [0, 1], oldest row first; both classes occur in the older rows.
    """
    cut = int(len(scores) * (1 - CHOICE))
    losses: dict[str, float] = {}
    for kind in KINDS:
        fitted = fit_map(kind, scores[:cut], labels[:cut])
        if fitted is not None:
            losses[kind] = log_loss(fitted.apply(scores[cut:]), labels[cut:])
    best = min(losses, key=lambda kind: (losses[kind], KINDS.index(kind)))
    chosen = fit_map(best, scores, labels) or fit_map(UNCHANGED, scores, labels)
    if chosen is None:  # unchanged always fits
        raise AssertionError(best)
    return Choice(chosen=chosen, log_loss=losses, rows=len(scores) - cut)


def fit_map(kind: str, scores: Floats, labels: Counts) -> ScoreMap | None:
    """Fit one kind of map; None where these rows do not give one.

    ``shift``: ``P(y = 1) = s(a + logit(score))``: what a changed base rate does to a model whose ranking
    holds (Saerens et al. 2002); to decide at 0.5 after it is to move the threshold. ``platt``: ``s(a + b
    logit(score))``, b > 0 (Platt 1999, on log odds as in Kull et al. 2017). ``isotonic``: the rising steps
    nearest to the outcomes, by pool-adjacent-violators (Zadrozny and Elkan 2002).
    """
    empty = np.empty(0)
    if kind == UNCHANGED:
        return ScoreMap(kind, empty, empty)
    if labels.min() == labels.max():
        return None
    if kind == "isotonic":
        return _isotonic(scores, labels) if len(scores) >= LEAST_ISOTONIC else None
    line = _line(log_odds(scores), labels, slope=kind == "platt")
    return None if line is None else ScoreMap(kind, line, empty)


def log_odds(scores: Floats) -> Floats:
    """Natural log of ``score / (1 - score)``, with scores kept :data:`EDGE` away from 0 and 1."""
    inside = np.clip(scores, EDGE, 1 - EDGE)
    odds: Floats = np.log(inside) - np.log1p(-inside)
    return odds


def share_of(odds: Floats) -> Floats:
    """Score of log odds: ``1 / (1 + exp(-odds))``; range (0, 1)."""
    share: Floats = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
    return share


def log_loss(scores: Floats, labels: Counts) -> float:
    """Mean of ``-log`` of the probability given to what happened; natural logarithm.

    Range [0, inf), 0 is perfect, the entropy of the base rate is what a constant gets.
    Source: Good (1952), "Rational decisions".
    """
    inside = np.clip(scores, EDGE, 1 - EDGE)
    return float(-np.mean(np.where(labels == 1, np.log(inside), np.log1p(-inside))))


def _line(x: Floats, labels: Counts, *, slope: bool) -> Floats | None:
    """Intercept and slope of largest likelihood; None where they are infinite or the slope is not positive.

    Newton's method; a step that would lower the likelihood is halved until it does not (far from the maximum
    of extreme scores a whole step jumps over it and back for ever).
    """
    design = np.column_stack([np.ones_like(x), x])
    free = [0, 1] if slope else [0]
    part, line = design[:, free], np.array([0.0, 1.0])
    likelihood = _log_likelihood(design @ line, labels)
    for _ in range(STEPS):
        fitted = share_of(design @ line)
        information = (part * (fitted * (1 - fitted))[:, None]).T @ part
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1 / np.finfo(float).eps:
            return None
        step = np.zeros(2)
        step[free] = np.linalg.solve(information, part.T @ (labels - fitted))
        for _ in range(HALVINGS):
            better = _log_likelihood(design @ (line + step), labels)
            if better >= likelihood:
                break
            step /= 2
        line, likelihood = line + step, max(better, likelihood)
        if np.abs(step).max() < TOLERANCE:
            return line if line[1] > 0 else None
    return None


def _log_likelihood(odds: Floats, labels: Counts) -> float:
    """Log of the probability of the labels under log odds: ``sum y z - log(1 + exp(z))``."""
    return float((labels * odds - np.logaddexp(0.0, odds)).sum())


def _isotonic(scores: Floats, labels: Counts) -> ScoreMap:
    """Knots at the ends of each step.

    A step of n rows of one class gets 1/2 of a row of the other: no score is certain on n rows.
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - a second that only fitting needs

    x, number = np.unique(scores, return_inverse=True)
    rows = np.bincount(number).astype(np.float64)
    fitted = isotonic_regression(np.bincount(number, weights=labels) / rows, weights=rows)
    ends = np.asarray(fitted.blocks)
    first, last = ends[:-1], ends[1:] - 1
    size = np.add.reduceat(rows, first)
    value = np.clip(fitted.x[first], 0.5 / (size + 1), (size + 0.5) / (size + 1))
    value = np.maximum.accumulate(value)
    knots = np.column_stack([x[first], x[last]]).ravel()
    once = np.concatenate([[True], np.diff(knots) > 0])
    return ScoreMap("isotonic", knots[once], np.repeat(value, 2)[once])
