"""Findings on classification: ranking and loss of the scores, and the decisions at the threshold."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from amends.domain.findings import Finding
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures import confusion
from amends.measures.arrow import Counts
from amends.measures.confusion import Confusion
from amends.measures.counting import SCORE_BINS
from amends.measures.digests import WindowDigest
from amends.measures.performance import Estimate, auc, brier_score, class_sizes, log_loss
from amends.workflow.judge_calibration import judge_calibration, judge_in_the_large
from amends.workflow.judge_change import WORSE_DOWN, WORSE_UP, Measure, Pair, judge_change, judge_level
from amends.workflow.judge_versions import judged_versions

OTHERS = 8
"""AUC (of several classes: accuracy) keeps half of the policy's chance of an error, since a change for the
better is none; the others share half of that."""
SCORES: dict[Measure, Callable[[Counts], Estimate]] = {
    Measure(metric="auc", limit="performance.auc_drop", worse=WORSE_DOWN, floor="performance.auc_floor"): auc,
    Measure(
        metric="brier_score", limit="performance.brier_rise", worse=WORSE_UP, comparisons=OTHERS
    ): brier_score,
    Measure(
        metric="log_loss", limit="performance.log_loss_rise", worse=WORSE_UP, comparisons=OTHERS
    ): log_loss,
}
RANKING = next(iter(SCORES))
Decided: TypeAlias = Callable[[Confusion], Estimate | None]


def _decision(name: str, comparisons: int = OTHERS) -> Measure:
    return Measure(
        metric=name, limit=f"performance.{name}_drop", worse=WORSE_DOWN, floor=f"performance.{name}_floor",
        comparisons=comparisons,
    )  # fmt: skip


BINARY: dict[Measure, Decided] = {
    _decision("accuracy"): confusion.accuracy,
    _decision("balanced_accuracy"): confusion.balanced_accuracy,
    _decision("precision"): confusion.precision,
    _decision("recall"): confusion.recall,
    _decision("f1"): confusion.f1,
}
SEVERAL: dict[Measure, Decided] = {
    _decision("accuracy", comparisons=1): confusion.accuracy,
    _decision("balanced_accuracy"): confusion.balanced_accuracy,
    _decision("macro_f1"): confusion.macro_f1,
}
"""Measures of the table of label and predicted label: of 0 and 1, and of other classes."""


def judge_scores(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge what the scores are worth: ranking and loss of two classes, calibration, and that by version.

    With several classes the score is the confidence in the predicted class, and right or wrong its outcome.
    """
    binary = spec.task == "binary_classification"
    before, now = scores_of(reference), scores_of(current)
    found: list[Finding] = []
    if binary:
        for measure, number in SCORES.items():
            pair = Pair(before=number(before), now=number(now), n=sum(class_sizes(now)))
            found += [judge_change(policy, measure, pair), *judge_level(policy, measure, pair)]
    if min(*class_sizes(before), *class_sizes(now)) >= policy.limit("performance.min_class"):
        found += judge_calibration(policy, before, now)
    return [*found, *_scores_by_version(spec, policy, before, current)]


def judge_decisions(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge the predicted labels against the labels that have arrived."""
    before, now = Confusion.of(reference.table), Confusion.of(current.table)
    if not (before.rows and now.rows):
        return []
    found = _decided(policy, before, now)
    versions, was = judged_versions(spec, policy, current), confusion.accuracy(before)
    measure = _decision("accuracy").among(len(versions))
    for version in versions:
        mine = Confusion.of(current.table, version)
        if mine.rows:
            pair = Pair(before=was, now=confusion.accuracy(mine), n=mine.rows, version=version)
            found.append(judge_change(policy, measure, pair))
    return found


def _decided(policy: Policy, before: Confusion, now: Confusion) -> list[Finding]:
    binary = before.is_binary and now.is_binary
    measures = BINARY if binary else SEVERAL
    found = []
    for measure, number in measures.items():
        pair = number(before), number(now)
        if pair[0] and pair[1]:
            both = Pair(before=pair[0], now=pair[1], n=now.rows)
            found += [judge_change(policy, measure, both), *judge_level(policy, measure, both)]
    return found


def _scores_by_version(
    spec: ModelSpec, policy: Policy, before: Counts, current: WindowDigest
) -> list[Finding]:
    """Judge each version of a mixed window: a bad one must not hide behind a good one."""
    least, versions = policy.limit("performance.min_class"), judged_versions(spec, policy, current)
    found = []
    for version in versions:
        scores = current.scores.get(version)
        if scores is None or min(*class_sizes(before), *class_sizes(scores)) < least:
            continue
        if spec.task == "binary_classification":
            pair = Pair(before=auc(before), now=auc(scores), n=sum(class_sizes(scores)), version=version)
            found.append(judge_change(policy, RANKING.among(len(versions)), pair))
        found.append(judge_in_the_large(policy, before, scores, version, among=len(versions)))
    return found


def scores_of(window: WindowDigest) -> Counts:
    """Scores by label of all versions together."""
    total = np.zeros((3, SCORE_BINS), np.int64)
    for counts in window.scores.values():
        total = total + counts
    return total
