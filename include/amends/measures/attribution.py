"""What the scores follow: each input's hold on them, from a sample of rows and without the model.

Where another version answers than in the reference, both are asked themselves, too (:func:`agreement_asked`).
An input's hold is the share of the scores' order that it explains by itself
(:mod:`amends.measures.association`): of their order, because a model that was recalibrated leans on the same
inputs. Inputs that go together are each credited with what they share: such twins may replace each other
unseen, and hardly a score would change. The current rows are weighed to the reference's inputs, so that a
population that moved is not taken for a model that changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amends.measures.arrow import Counts, Floats
from amends.measures.association import Input, Scored, explained, hold, input_of, raked, sums_of
from amends.measures.resampling import SEED, Estimate, interval
from amends.measures.sample import Sample

LEAST_OVERLAP = 0.5
"""Share of the reference that the bins of both windows hold; under it an input is not comparable."""
NOTHING = 0.01
"""A hold under one per cent (in small windows: under 10 / rows, about what chance gives ten bins) counts as
none: its rank would be chance."""
MOST_INPUTS = 30
"""Inputs whose ranks are compared, those with the largest hold in either window: what comes after weighs
little, and a thousand inputs need not be drawn again hundreds of times."""
BLOCKS, DRAWS = 100, 500
"""Random groups of rows, and how often they are drawn: a rank needs no fine interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far the scores follow the same inputs as before.

    ``ndcg``: rank agreement in [0, 1]; 1: the same order, 0: the scores follow nothing now.
    ``before``, ``now``: hold by input, in [0, 1]. ``lost``: share of the reference's holds that lies in
    inputs whose values the windows hardly share. ``rows``: the smaller number of rows that the windows'
    weighted rows with a score are worth, or that the versions were asked about.
    """

    ndcg: Estimate
    before: Mapping[str, float]
    now: Mapping[str, float]
    lost: float
    rows: int

    @property
    def moved(self) -> tuple[str, ...]:
        """The inputs whose rank changed most, by what they held before or hold now; at most three."""
        ranks = [_ranks(holds) for holds in (self.before, self.now)]
        weight = {
            name: abs(1 / np.log2(1 + ranks[0][name]) - 1 / np.log2(1 + ranks[1][name]))
            * max(self.before[name], self.now[name])
            for name in self.before
        }
        ordered = sorted(weight, key=lambda name: (-weight[name], name))
        return tuple(name for name in ordered if weight[name] > 0)[:3]


def shares_of(sample: Sample, inputs: Sequence[str], score: str) -> dict[str, float]:
    """Each input's part of all holds on the scores; they add up to 1. Empty where nothing holds them."""
    scored = Scored.of(sample, score)
    if scored is None:
        return {}
    cut = {name: input_of(scored, scored, name) for name in inputs}
    found = np.array([hold(scored, one.codes[0], one.target) for one in cut.values()])
    holds = _certain(found, scored)
    total = float(holds.sum())
    return dict(zip(cut, (holds / total).tolist(), strict=True)) if total else {}


def agreement(reference: Sample, current: Sample, inputs: Sequence[str], score: str) -> Agreement | None:
    """Compare what the scores follow in two samples; None where one has no two scores that differ."""
    before, now = Scored.of(reference, score), Scored.of(current, score)
    if before is None or now is None:
        return None
    cut = {name: input_of(before, now, name) for name in inputs}
    first = {name: hold(before, one.codes[0], np.bincount(one.codes[0])) for name, one in cut.items()}
    shared = [name for name in cut if cut[name].overlap >= LEAST_OVERLAP]
    raw = {name: hold(now, cut[name].codes[1], cut[name].target) for name in shared}
    kept = sorted(shared, key=lambda name: (-max(first[name], raw[name]), name))[:MOST_INPUTS]
    now = raked(now, [cut[name] for name in kept if max(first[name], raw[name]) >= NOTHING])
    drawn = [_drawn([cut[name] for name in kept], scored, side) for side, scored in enumerate((before, now))]
    agreed = ndcg(*(_certain(one, scored) for one, scored in zip(drawn, (before, now), strict=True)))
    total = sum(first.values())
    return Agreement(
        ndcg=interval(float(agreed[0]), agreed[1:]),
        before=dict(zip(kept, drawn[0][0].tolist(), strict=True)),
        now=dict(zip(kept, drawn[1][0].tolist(), strict=True)),
        lost=sum(one for name, one in first.items() if name not in shared) / total if total else 0.0,
        rows=min(before.worth, now.worth),
    )


def agreement_asked(inputs: Sequence[str], before: Floats, now: Floats) -> Agreement:
    """Compare what two versions said themselves.

    :param before: each row's part in each input's effect, shape (rows, inputs), as
        :func:`amends.measures.permutation.reliance` gives it; ``now``: the same of the current window.
    """
    holds = [_means(one, side) for side, one in enumerate((before, now))]
    agreed = ndcg(*(np.where(one < NOTHING, 0.0, one) for one in holds))
    return Agreement(
        ndcg=interval(float(agreed[0]), agreed[1:]),
        before=dict(zip(inputs, holds[0][0].tolist(), strict=True)),
        now=dict(zip(inputs, holds[1][0].tolist(), strict=True)),
        lost=0.0,
        rows=min(len(before), len(now)),
    )


def ndcg(gains: Floats, current: Floats) -> Floats:
    """Normalised discounted cumulative gain of the current order of inputs.

    ``sum_i gain(i) / log2(1 + rank(i))`` with gains of the reference and ranks of the current window, over
    the same sum with the reference's own ranks. Inputs tied now share the mean of their discounts.
    Range [0, 1], unitless; 1 means the same order; 0 where nothing is held now; NaN where nothing was before.
    Source: Järvelin and Kekäläinen (2002); ties: McSherry and Najork (2008); its use on attributions:
    Amazon SageMaker Clarify.

    :param gains: holds in the reference, shape (draws, inputs); ``current``: the same of now.
    """
    inputs = gains.shape[1]
    discount = 1 / np.log2(np.arange(2, inputs + 2))
    summed = np.concatenate([[0.0], np.cumsum(discount)])
    above = (current[:, None, :] > current[:, :, None]).sum(axis=2)
    tied = (current[:, None, :] == current[:, :, None]).sum(axis=2)
    mean = (summed[above + tied] - summed[above]) / tied
    ideal = (-np.sort(-gains, axis=1) * discount).sum(axis=1)
    found = np.where(current.any(axis=1), (gains * mean).sum(axis=1), 0.0)
    with np.errstate(invalid="ignore"):
        agreed: Floats = found / ideal
    return agreed


def _certain(holds: Floats, scored: Scored) -> Floats:
    """Holds without those that chance may have given."""
    return np.where(holds < max(NOTHING, 10 / max(scored.worth, 1)), 0.0, holds)


def _means(parts: Floats, side: int) -> Floats:
    """Holds by input, shape (1 + draws, inputs): on all rows first, then on resampled blocks of rows."""
    times, block = _blocks(len(parts), side)
    sums = np.array([parts[block == one].sum(axis=0) for one in range(BLOCKS)])
    rows = np.bincount(block, minlength=BLOCKS)
    drawn = (times @ sums) / np.maximum(times @ rows, 1)[:, None]
    return np.round(np.vstack([parts.mean(axis=0, keepdims=True), drawn]), 12)


def _blocks(rows: int, side: int) -> tuple[Floats, Counts]:
    """How often each draw takes each block, and each row's block: as in measures.resampling.Resampler."""
    times = np.random.default_rng(SEED).multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), size=DRAWS)
    return times.astype(np.float64), np.random.default_rng(SEED + 1 + side).permutation(rows) % BLOCKS


def _drawn(inputs: Sequence[Input], scored: Scored, side: int) -> Floats:
    """Holds by input, shape (1 + draws, inputs): on all rows first, then on resampled blocks of rows."""
    times, block = _blocks(len(scored.places), side)
    holds = np.zeros((1 + DRAWS, len(inputs)))
    for i, one in enumerate(inputs):
        width = len(one.target)
        cells = sums_of(scored, block * width + one.codes[side], BLOCKS * width)
        sums = cells.reshape(3, BLOCKS, width).swapaxes(0, 1).reshape(BLOCKS, 3 * width)
        holds[0, i] = explained(sums.sum(axis=0, keepdims=True), one.target, noise=1)[0]
        # a draw adds its own noise to the sample's: it is taken off twice
        holds[1:, i] = explained(times @ sums, one.target, noise=2)
    # what threads add up in another order must not change a rank
    return np.round(holds, 12)


def _ranks(holds: Mapping[str, float]) -> dict[str, int]:
    ordered = sorted(holds, key=lambda name: (-holds[name], name))
    return {name: rank for rank, name in enumerate(ordered, start=1)}
