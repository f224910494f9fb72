"""Whether the labels that have arrived stand for those that have not."""

from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.measures.label_selection import arrival_of, score_gap
from amends.measures.quality_record import CHANCE
from amends.workflow.judge_classes import scores_of


def selected_labels(spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest) -> str:
    """Why the labels of a window stand for no more than themselves; empty where they may.

    Labels that arrive by what they say move every number that rests on both classes, and nothing is wrong
    with the model: said where that explains all that is seen by score, arrival at random does not, and the
    odds are off by more than calibration may move. So do labels of some scores only, where the reference has
    those of all: ranking within them is another question.
    """
    if spec.task != "binary_classification" or not 0 < current.labelled < current.rows:
        return ""
    before, now = score_gap(scores_of(reference)), score_gap(scores_of(current))
    if now - before > policy.limit("drift.share_crossed"):
        return (
            f"labels arrive by score: those that came stand {now:.0%} of the rows off from all rows "
            f"({before:.0%} in the reference), so these stand for no others"
        )
    found = arrival_of(scores_of(reference), scores_of(current))
    if found is None or abs(found.shift) <= policy.limit("calibration.intercept_change"):
        return ""
    if found.blind >= CHANCE or found.fits <= 1 - policy.limit("performance.confidence"):
        return ""
    return (
        f"labels seem to arrive by what they say: about {min(found.ones, 1):.0%} of the 1s and "
        f"{min(found.zeros, 1):.0%} of the 0s have, so these stand for no others"
    )
