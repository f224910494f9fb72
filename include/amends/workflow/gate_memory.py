"""Whether a candidate's gain can be had from the inputs, or was memorised from these very rows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import ModelSpec
from amends.measures.emulation import Inputs, copied
from amends.measures.pairing import PairedRows
from amends.measures.proportions import Z
from amends.measures.robustness import auc_contrast

if TYPE_CHECKING:
    from amends.domain.policy import Policy

MOST_ROWS = 10_000
"""Rows that are copied; the standard error of an AUC of 0.8 is then 0.004."""


def judge_memory(
    spec: ModelSpec, policy: "Policy", rows: PairedRows, candidate: pa.Table
) -> Iterator[Finding]:
    """Judge a gain of AUC: what a copy of the scores on other rows does not have, inputs do not explain.

    Nothing is asked of a candidate that gains less than may be left unexplained, nor where inputs are texts,
    which are not copied.
    """
    limit, label = policy.limit("gate.unexplained_auc"), rows.label
    champion, own = rows.champion.score, rows.candidate.score
    gain = auc_contrast(label, ((1, own), (-1, champion))).value
    if spec.columns.text or not spec.columns.features or not gain > limit:
        return
    at = np.linspace(0, rows.rows - 1, min(rows.rows, MOST_ROWS)).astype(np.int64)
    inputs = Inputs.of(
        candidate.filter(pa.array(rows.kept)).take(at), spec.columns.numeric, spec.columns.categorical
    )
    scores = own[at], champion[at]
    copies = [copied(inputs, one) for one in scores]
    found = auc_contrast(label[at], ((1, scores[0]), (-1, copies[0]), (-1, scores[1]), (1, copies[1])))
    low, high = found.value - Z * found.error, found.value + Z * found.error
    verdict = Verdict.PASS
    if found.value > limit:
        verdict = Verdict.BREACH if low > limit else Verdict.INCONCLUSIVE
    why = "; it was trained on these rows, or answers from what is not logged"
    yield Finding(
        category=Category.PERFORMANCE, metric="unexplained_auc", verdict=verdict,
        reason=f"of {gain:.3f} AUC that the candidate gains, {found.value:.3f} [{low:.3f}, {high:.3f}] "
        f"cannot be learnt from its scores on other rows, limit {limit:g}"
        + (why if verdict is Verdict.BREACH else ""),
        value=found.value, threshold=limit, interval=(low, high), n=len(at),
    )  # fmt: skip
