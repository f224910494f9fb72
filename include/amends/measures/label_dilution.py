"""Whether a share of the labels says nothing any more: by score, and by what every single input says."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import chdtrc

from amends.measures.arrow import Counts, Floats
from amends.measures.association import LEAST_ROWS, binned
from amends.measures.label_noise import GROUPS, LEAST, grouped, recalibrated, surprise
from amends.measures.quality_record import CHANCE
from amends.measures.sample import Sample

STEPS = 60
LEAST_LINKS = 3
"""Linked inputs from which it is no accident that all of them lost the same share of their hold."""
SHARP = 0.15
"""Standard error of an input's own share up to which it could have told itself apart from the others."""
SURE = 3
"""Standard errors from the share that is kept to the largest that the rows allow."""
MOST_KEPT = 1.5


@dataclass(frozen=True, slots=True)
class Dilution:
    """The share of labels that say nothing, with its interval, and whether that explains the window.

    ``explains``: it does, and what it was held against does not. ``likelier``: it fits no worse than a change
    of the world does.
    """

    share: float
    low: float
    high: float
    explains: bool
    said: str
    likelier: bool = True


def diluted_scores(reference: Counts, current: Counts, confidence: float) -> Dilution | None:
    """Labels of other rows among the right ones, by what is seen by score.

    With ``p_g`` the positive share of score group g in the reference, moved in log odds to the window's own
    level, and b the window's share over all, a share w of labels of other rows gives ``(1 - w) p_g + w b``:
    even the surest scores are wrong at one rate. The world's changes of level and slope give
    ``logit = a + b logit p_g``. Told only where the first fits and the second does not.

    Source: Natarajan et al. (2013), "Learning with noisy labels" (what noise does to shares).
    """
    hits_before, rows_before, hits, rows = grouped(reference, current)
    if min(rows_before.min(), rows.min()) < LEAST:
        return None
    before, now = (hits_before + 0.5) / (rows_before + 1), hits / rows
    level = float(hits.sum() / rows.sum())
    own = before * (1 - before) / rows_before
    away = _levelled(before, rows, level) - level
    kept = 1.0
    for _ in range(STEPS):
        weight = _weights(level + kept * away, rows, kept**2 * own)
        kept = float(np.clip((weight * away) @ (now - level) / max(float(weight @ away**2), 1e-300), 0, 1))
    error = 1 / max(float(weight @ away**2), 1e-300) ** 0.5
    mixed = surprise(now, level + kept * away, rows, kept**2 * own, 1)
    moved, slope = recalibrated(before, hits, rows)
    spread = (slope * moved * (1 - moved)) ** 2 / (before * (1 - before) * rows_before)
    world = surprise(now, moved, rows, spread, 2)
    noisy = max(mixed, surprise(now, *_line(before, now, rows, own), 2))
    return Dilution(
        1 - kept, 1 - kept - SURE * error, 1 - kept + SURE * error,
        mixed > 1 - confidence > world, "even the surest scores are wrong at that rate", noisy >= world,
    )  # fmt: skip


def _line(before: Floats, now: Floats, rows: Floats, own: Floats) -> tuple[Floats, Floats, Floats]:
    """Shares that labels replaced by class would give, ``a + k p``, the rows, and the shares' variance."""
    x, wanted, slope = np.column_stack([np.ones(GROUPS), before]), now, 1.0
    for _ in range(STEPS):
        weight = _weights(wanted, rows, slope**2 * own)
        level, slope = np.linalg.solve((x * weight[:, None]).T @ x, x.T @ (weight * now))
        wanted = np.clip(level + slope * before, 1e-6, 1 - 1e-6)
    return wanted, rows, slope**2 * own


def _levelled(before: Floats, rows: Floats, level: float) -> Floats:
    """Shares moved in log odds until their mean over the window's rows is the window's."""
    odds, low, high = np.log(before / (1 - before)), -30.0, 30.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        under = float((rows / (1 + np.exp(-np.clip(odds + middle, -30, 30)))).sum()) < level * rows.sum()
        low, high = (middle, high) if under else (low, middle)
    shares: Floats = 1 / (1 + np.exp(-np.clip(odds + low, -30, 30)))
    return shares


def _weights(wanted: Floats, rows: Floats, spread: Floats) -> Floats:
    weights: Floats = 1 / np.maximum(wanted * (1 - wanted) / rows + spread, 1e-12)
    return weights


@dataclass(frozen=True, eq=False, slots=True)
class _Link:
    """An input's bins: how far their positive share is from the mean's, before and now, and both variances.

    ``chance``: how rarely chance links the input with the reference's labels as strongly.
    """

    before: Floats
    now: Floats
    noise: Floats
    noise_now: Floats
    chance: float

    def kept(self) -> tuple[float, float]:
        """The share of the link that is left, and its standard error. Noise of the reference is taken off.

        Source: Fuller (1987), Measurement Error Models, 1.2 (the correction for an error in the regressor).
        """
        share, size = 1.0, 0.0
        for _ in range(STEPS):
            weight = 1 / (self.noise_now + share**2 * self.noise)
            size = float(weight @ (self.before**2 - self.noise))
            if size <= 0:
                return 0.0, np.inf
            share = float(np.clip((weight * self.before) @ self.now / size, -MOST_KEPT, MOST_KEPT))
        return share, size**-0.5

    def misfit(self, share: float) -> float:
        """How rarely chance strays as far from that share of the old link."""
        far = np.square(self.now - share * self.before) / (self.noise_now + share**2 * self.noise)
        return float(chdtrc(max(len(far) - 1, 1), far.sum()))


def diluted_links(
    reference: Sample, current: Sample, inputs: Sequence[str], label: str, confidence: float
) -> Dilution | None:
    """Labels that say less about every input, by one share: the labels' fault and not the world's.

    Labels that are replaced at random, whatever the row, shrink the covariance of the label with each input,
    and with each function of it, by one factor; where the world changes some inputs gain, or keep their hold.
    Told where all linked inputs agree on the factor, and no bin of any input strays from it.

    Source: Natarajan et al. (2013), "Learning with noisy labels"; Cochran (1954), Biometrics 10 (the test of
    a common effect).
    """
    links = _links(reference, current, inputs, label)
    told = [one.kept() for one in links if one.chance < CHANCE]
    told = [one for one in told if one[1] <= SHARP]
    if len(told) < LEAST_LINKS:
        return None
    shares, errors = np.transpose(told)
    weights = errors**-2
    share = float(weights @ shares / weights.sum())
    agree = float(chdtrc(len(shares) - 1, np.square((shares - share) / errors).sum()))
    worst = min(one.misfit(share) for one in links) * len(links)
    error = float(errors.min())
    return Dilution(
        1 - share, 1 - share - SURE * error, 1 - share + SURE * error,
        min(agree, worst) > 1 - confidence,
        f"the links of all {len(shares)} telling inputs with the labels shrank alike",
    )  # fmt: skip


def _links(reference: Sample, current: Sample, inputs: Sequence[str], label: str) -> list[_Link]:
    known = pa.array(["0", "1"])
    before, now = (one.rows.filter(pc.is_in(one.rows.column(label), known)) for one in (reference, current))
    turns = [pc.equal(one.column(label), "1").to_numpy(zero_copy_only=False) for one in (before, now)]
    found = (_link(*binned(before.column(name), now.column(name)), *turns) for name in inputs)
    return [one for one in found if one is not None]


def _link(codes: Counts, codes_now: Counts, width: int, turns: Counts, turns_now: Counts) -> _Link | None:
    rows, rows_now = (np.bincount(one, minlength=width) for one in (codes, codes_now))
    used = np.minimum(rows, rows_now) >= LEAST_ROWS
    if used.sum() < 2:  # noqa: PLR2004 - one bin is linked with nothing
        return None
    share, share_now = (
        np.bincount(one, turned, width)[used] / there[used]
        for one, turned, there in ((codes, turns, rows), (codes_now, turns_now, rows_now))
    )
    rows, rows_now = rows[used].astype(np.float64), rows_now[used].astype(np.float64)
    noise, noise_now = (
        np.maximum(p * (1 - p), 0.5 / n) / n for p, n in ((share, rows), (share_now, rows_now))
    )
    away = share - float(share @ rows / rows.sum())
    far = float((np.square(away) / noise).sum())
    middle = rows_now / rows_now.sum()
    return _Link(
        share - float(share @ middle), share_now - float(share_now @ middle), noise, noise_now,
        float(chdtrc(len(rows) - 1, far)),
    )  # fmt: skip
