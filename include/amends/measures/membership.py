"""Whether a version's loss tells the rows that it was trained on from rows that it was not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from amends.measures.arrow import Counts, Floats
from amends.measures.proxies import Measure, separation
from amends.measures.recalibration import EDGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What can be told of who was in the training rows.

    ``told``: chance that a training row has a smaller loss than one held out. ``beyond``: the same by how
    much smaller the loss is than another version's on the same row, so that rows which are merely easier
    don't count. Both range [0, 1], 0.5 tells nothing. ``gap``: mean loss held out less mean loss in training;
    ``excess``: how much larger it is than the other version's. Ranks see no size: beside ``beyond`` it says
    whether the difference is worth a name.
    """

    told: Measure
    beyond: Measure
    gap: float
    excess: float
    rows: tuple[int, int]


def row_loss(scores: Floats, labels: Counts) -> Floats:
    """Loss of each row: ``-log`` of the probability given to what happened (``recalibration.log_loss``)."""
    inside = np.clip(scores, EDGE, 1 - EDGE)
    loss: Floats = -np.where(labels == 1, np.log(inside), np.log1p(-inside))
    return loss


def membership(learnt: tuple[Floats, Floats], held_out: tuple[Floats, Floats]) -> Membership:
    """Attack a version by its loss, plainly and against another version.

    :param learnt: loss of the version, and of another, by training row; ``held_out``: on rows held out.
    Source: Yeom, Giacomelli, Fredrikson and Jha (2018), "Privacy risk in machine learning: analyzing the
    connection to overfitting", IEEE CSF; taking off a row's difficulty: Watson, Guo, Cormode and Sablayrolles
    (2022), "On the importance of difficulty calibration in membership inference attacks", ICLR.
    """
    member = np.repeat([1, 0], [len(learnt[0]), len(held_out[0])]).astype(np.int64)
    own, other = (np.concatenate([learnt[i], held_out[i]]) for i in (0, 1))
    gaps = [float(held_out[i].mean() - learnt[i].mean()) for i in (0, 1)]
    return Membership(
        told=separation(-own, member),
        beyond=separation(other - own, member),
        gap=gaps[0],
        excess=gaps[0] - gaps[1],
        rows=(len(learnt[0]), len(held_out[0])),
    )


def small_groups(groups: Mapping[str, int], least: int) -> int:
    """How many groups have rows, but fewer than ``least``; which ones is not said."""
    return sum(0 < rows < least for rows in groups.values())
