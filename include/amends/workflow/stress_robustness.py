"""How the candidate answers where inputs are noisy, missing, far out or unknown.

A candidate that leaves a row without an answer is stopped where such rows occur, or where the champion
answers them. Where neither does and no such row is on record, it is told and stops nothing: no remedy could
ever be blessed for a model whose authors refuse nulls on purpose.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from amends.domain.findings import Category, Finding, Verdict
from amends.measures.arrow import Floats
from amends.measures.robustness import (
    answers,
    auc_contrast,
    emptied,
    mean_contrast,
    noisy,
    outlying,
    pushed,
    unseen,
)
from amends.workflow.stress_bench import SEED, Bench, harm, told

if TYPE_CHECKING:
    import pandas as pd

WORDS = {"missing": "missing values", "extreme": "values far out", "unseen_level": "levels never seen"}
PROBES = 100
"""Rows that each input is emptied, pushed or renamed in."""


def judge_robustness(bench: Bench) -> Iterator[Finding]:
    """Judge missing, far and unseen values one input at a time, then noise, gaps and outliers in all."""
    probes = bench.frame.head(PROBES)
    nulls = {name: emptied(probes, [name], 1.0, SEED) for name in (*bench.numeric, *bench.levels)}
    yield _unanswered(bench, "missing", nulls, met=_met(bench))
    ends = {name: _ends(bench, name) for name in bench.numeric}
    far = {
        name: pushed(probes, name, value)
        for name, pair in ends.items() if pair for value in pair
    }  # fmt: skip
    yield _unanswered(bench, "extreme", far, met=())
    yield _unanswered(bench, "unseen_level", {name: unseen(probes, name) for name in bench.levels}, met=())
    share = bench.policy.limit("gate.stress_share")
    yield from _noise(bench)
    gaps = emptied(bench.frame, (*bench.numeric, *bench.levels), share, SEED)
    yield _ranking(bench, "missing", gaps, f"{share:.0%} of each input's values missing")
    known = {name: pair for name, pair in ends.items() if pair}
    yield _ranking(
        bench, "extreme", outlying(bench.frame, known, share, SEED),
        f"{share:.0%} of each number a range's width beyond the reference",
    )  # fmt: skip


def _met(bench: Bench) -> tuple[str, ...]:
    """Inputs that are null in some row of the reference or of the window."""
    return tuple(
        name for name in (*bench.numeric, *bench.levels)
        if bench.reference.nulls.get(name, 0) or bench.rows.column(name).null_count
    )  # fmt: skip


def _ends(bench: Bench, name: str) -> tuple[float, float] | None:
    """Values a range's width under and over the reference's."""
    profile = bench.reference.numeric.get(name)
    if profile is None or profile.minimum is None or profile.maximum is None:
        return None
    width = profile.maximum - profile.minimum
    ends = profile.minimum - width, profile.maximum + width
    return ends if np.isfinite(ends).all() else None


def _unanswered(
    bench: Bench, kind: str, tried: "Mapping[str, pd.DataFrame]", met: tuple[str, ...]
) -> Finding:
    """Share of rows without a score in [0, 1]: 0 is asked for."""
    metric, words = f"unanswered_{kind}", WORDS[kind]
    if not tried:
        return told(metric, Category.DATA_QUALITY, Verdict.NO_DATA, f"no input can be given {words}")
    lost = {name: _lost(answers(bench.candidate.score, rows)) for name, rows in tried.items()}
    failing = [name for name, share in lost.items() if share]
    worse = [
        name for name in failing
        if name in met or _lost(answers(bench.champion.score, tried[name])) < lost[name]
    ]  # fmt: skip
    verdict = Verdict.BREACH if worse else Verdict.INCONCLUSIVE if failing else Verdict.PASS
    named = tuple(worse or failing)
    reason = f"the candidate answers every row with {words}, one input at a time"
    if failing:
        reason = f"no score in [0, 1] for rows with {words} in {', '.join(named)}"
        reason += (
            "; such rows occur, or the champion answers them"
            if worse
            else "; the champion's gives none either, and no such row is on record"
        )
    return told(
        metric, Category.DATA_QUALITY, verdict, reason, n=PROBES, column=named or None,
        value=max(lost.values()), threshold=0.0,
    )  # fmt: skip


def _lost(scores: Floats) -> float:
    return float((~np.isfinite(scores)).mean())


def _noise(bench: Bench) -> Iterator[Finding]:
    """Decisions that flip, and ranking that is lost, when numbers are off by a little."""
    size = bench.policy.limit("gate.noise_share")
    rows = noisy(bench.frame, bench.numeric, size, SEED)
    what = f"noise of {size:.0%} of each number's spread"
    yield _ranking(bench, "noise", rows, what)
    flips = [
        _flipped(before, after, bench.spec.decision_threshold)
        for before, after in zip(bench.scores, bench.both(rows), strict=True)
    ]
    kept = np.isfinite(flips[0]) & np.isfinite(flips[1])
    champion, candidate = (one[kept] for one in flips)
    flipped, n = mean_contrast(candidate), int(kept.sum())
    reason = (
        f"{flipped.value:.1%} of decisions flip under {what}, {champion.mean() if n else 0:.1%} of the "
        "champion's"
    )
    reference = float(champion.mean()) if n else None
    yield harm(
        "noise_flips", Category.PERFORMANCE, flipped, bench.policy.limit("gate.noise_flips"), reason, n=n,
        reference=reference,
    )  # fmt: skip
    yield harm(
        "noise_flips_change", Category.PERFORMANCE, mean_contrast(candidate - champion),
        bench.policy.limit("gate.noise_flips_rise"), reason, n=n, reference=reference,
    )  # fmt: skip


def _flipped(before: Floats, after: Floats, threshold: float) -> Floats:
    flips = ((before >= threshold) != (after >= threshold)).astype(np.float64)
    return np.where(np.isfinite(before) & np.isfinite(after), flips, np.nan)


def _ranking(bench: Bench, kind: str, rows: "pd.DataFrame", what: str) -> Finding:
    """How much more AUC the candidate loses than the champion does on the same spoilt rows.

    Where it still ranks them better than that, how much worse: a candidate that had more may lose more.
    """
    metric, limit = f"{kind}_auc_change", bench.policy.limit("gate.stress_auc_drop")
    signed = [*zip((-1.0, 1.0), bench.scores, strict=True), *zip((1.0, -1.0), bench.both(rows), strict=True)]
    kept = np.all([np.isfinite(score) for _, score in signed], axis=0)
    if not kept.all():
        return told(
            metric, Category.PERFORMANCE, Verdict.NO_DATA,
            f"with {what} one of the versions leaves rows unanswered", n=int(kept.sum()), threshold=limit,
        )  # fmt: skip
    lost = min((auc_contrast(bench.label, some) for some in (signed, signed[2:])), key=lambda one: one.value)
    own = auc_contrast(bench.label, [(1.0, bench.scores[1]), (-1.0, signed[3][1])])
    champion = auc_contrast(bench.label, [(1.0, bench.scores[0]), (-1.0, signed[2][1])])
    reason = (
        f"with {what} the candidate's AUC falls by {own.value:.3f}, the champion's by {champion.value:.3f}"
    )
    return harm(metric, Category.PERFORMANCE, lost, limit, reason, n=len(bench.label))
