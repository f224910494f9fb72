"""Findings on labels that neither inputs nor scores explain: turned, recorded by halves, or of other rows."""

import numpy as np

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Counts
from amends.measures.digests import WindowDigest
from amends.measures.label_dilution import Dilution, diluted_links, diluted_scores
from amends.measures.label_links import strongest_links
from amends.measures.label_noise import recording_loss
from amends.measures.performance import auc, class_sizes
from amends.measures.quality_record import CHANCE
from amends.workflow.judge_classes import scores_of

UNLINKED = 0.01
"""A link that chance gives in more than one window of a hundred is none."""


def judge_labels(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge whether labels, by score, are what a fault of their feed would make of the reference's.

    All ask for a ranking that was good and for enough labels. To be called where inputs, scores and version
    are as before: then the labels are the likelier culprit.
    """
    before, now, column = scores_of(reference), scores_of(current), spec.columns.label
    least = policy.limit("performance.min_class")
    if min(*class_sizes(before), *class_sizes(now)) < least:
        return []
    return [
        _turned(policy, before, now, column),
        _half_recorded(policy, before, now, column),
        _of_other_rows(spec, policy, reference, current),
        _diluted(spec, policy, reference, current),
    ]


def _turned(policy: Policy, before: Counts, now: Counts, column: str) -> Finding:
    """Ranking below a coin, and as far below as it was above: 0 and 1 have changed places."""
    was, is_now = auc(before), auc(now)
    high = is_now.interval(policy.limit("performance.confidence"))[1]
    limit = policy.limit("labels.turned_auc")
    turned = high < limit and 1 - is_now.value > was.value - policy.limit("performance.auc_drop")
    said = "0 and 1 seem to have changed places" if turned else "labels point the way they did"
    return Finding(
        category=Category.LABEL_QUALITY, metric="labels_turned", column=column,
        verdict=Verdict.BREACH if turned else Verdict.PASS, value=is_now.value, reference_value=was.value,
        threshold=limit, n=sum(class_sizes(now)),
        reason=f"{said}: auc {is_now.value:.3f}, reference {was.value:.3f}",
    )  # fmt: skip


def _half_recorded(policy: Policy, before: Counts, now: Counts, column: str) -> Finding:
    """One class recorded as the other at one rate, whatever the score: a feed does that, not the world."""
    lost, label, fits = recording_loss(before, now, policy.limit("performance.confidence"))
    limit = policy.limit("labels.recording_loss")
    wrong = fits and lost > limit and bool(np.isfinite(lost))
    said = f"as if {lost:.0%} of the rows of label {label} were recorded as {1 - label}, whatever the score"
    return Finding(
        category=Category.LABEL_QUALITY, metric="recording_loss", column=column,
        verdict=Verdict.BREACH if wrong else Verdict.PASS, value=lost if fits else 0.0, reference_value=0.0,
        threshold=limit, n=sum(class_sizes(now)),
        reason=said if fits else "labels by score are not what a lossy feed would make of the reference's",
    )  # fmt: skip


def _of_other_rows(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> Finding:
    """No link with the scores nor with any input, where there were strong ones: labels of other rows.

    A join by a wrong key does that. Whatever did, nothing can be learned from such labels: a version fitted
    to them would be a coin.
    """
    was, is_now = auc(scores_of(reference)), auc(scores_of(current))
    limit = policy.limit("labels.turned_auc")
    low, high = is_now.interval(policy.limit("performance.confidence"))
    said, unlinked = "labels still follow the scores", False
    if low <= limit and high < (limit + was.value) / 2:
        inputs = tuple(dict.fromkeys(spec.columns.features))
        before, now, rows = strongest_links(reference.sample, current.sample, inputs, spec.columns.label)
        unlinked = before < CHANCE and now > UNLINKED
        said = f"{'no input is' if unlinked else 'scores are not, but inputs are'} linked with the labels"
        said += f" ({rows} rows): they may be those of other rows" if unlinked else ""
    return Finding(
        category=Category.LABEL_QUALITY, metric="labels_unlinked", column=spec.columns.label,
        verdict=Verdict.BREACH if unlinked else Verdict.PASS, value=is_now.value, reference_value=was.value,
        threshold=limit, n=sum(class_sizes(scores_of(current))), interval=(low, high),
        reason=f"{said}; auc {is_now.value:.3f} [{low:.3f}, {high:.3f}], reference {was.value:.3f}",
    )  # fmt: skip


def _diluted(spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest) -> Finding:
    """A share of the labels says nothing any more: of other rows, turned at random, or of one class lost.

    Looked at where ranking is surely lost, since a change of the base rate alone shrinks links, too.
    """
    before, now = scores_of(reference), scores_of(current)
    was, is_now = auc(before), auc(now)
    confidence, limit = policy.limit("performance.confidence"), policy.limit("labels.diluted")
    lost = was.value - is_now.interval(confidence)[1] > policy.limit("performance.auc_drop")
    found = _dilutions(spec, reference, current, confidence) if lost else []
    proven = [one for one in found if one.explains and one.low > limit]
    told = max(proven or found, key=lambda one: one.low, default=None)
    said = "labels say of scores and inputs what they said"
    if proven and told:
        said = f"as if {told.share:.0%} of the labels were of other rows, turned or lost: {told.said}"
    return Finding(
        category=Category.LABEL_QUALITY, metric="labels_diluted", column=spec.columns.label,
        verdict=Verdict.BREACH if proven else Verdict.PASS, value=told.share if told else 0.0,
        interval=(told.low, told.high) if told else None, reference_value=0.0, threshold=limit,
        n=sum(class_sizes(now)), reason=said,
    )  # fmt: skip


def _dilutions(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, confidence: float
) -> list[Dilution]:
    """Both kinds of evidence; that of the inputs only where scores do not speak for a changed world."""
    inputs = tuple(dict.fromkeys(spec.columns.features))
    scored = diluted_scores(scores_of(reference), scores_of(current), confidence)
    if scored is None or not scored.likelier:
        return []
    linked = diluted_links(reference.sample, current.sample, inputs, spec.columns.label, confidence)
    return [scored] if linked is None else [linked, scored]
