"""What a version itself leans on: how far its scores move when one input is exchanged between rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from amends.errors import DataError
from amends.measures.arrow import Floats
from amends.measures.resampling import SEED

if TYPE_CHECKING:
    import pandas as pd

    from amends.ports import Scorer


def reliance(score: "Scorer", rows: "pd.DataFrame", inputs: Sequence[str]) -> Floats:
    """Each row's part in each input's total effect on the scores, shape (rows, inputs).

    ``(f(x) - f(x with input i of another row))^2 / (2 Var f)``; the mean over rows is the total-effect index:
    0 means that the version does not use the input, 1 that it uses nothing else. The version is asked once,
    for all exchanges together.
    Source: Jansen (1999), "Analysis of variance designs for model output"; permutation importance as in
    Breiman (2001), "Random forests", on scores instead of errors, so that no label is needed.

    :raises DataError: a score is not finite, or no two scores differ.
    """
    import pandas as pd  # noqa: PLC0415 - half a second that only some callers need

    draw = np.random.default_rng(SEED)
    asked = [rows]
    for name in inputs:
        order = draw.permutation(len(rows))
        asked.append(rows.assign(**{name: rows[name].take(order).set_axis(rows.index)}))
    scores = np.asarray(score(pd.concat(asked, ignore_index=True)), dtype=np.float64)
    scores = scores.reshape(1 + len(inputs), len(rows))
    if not np.isfinite(scores).all():
        raise DataError("the version gives scores that are no numbers. See its reproduction.")
    variance = float(scores[0].var())
    if variance == 0:
        raise DataError("the version gives every row the same score. Nothing can be compared.")
    parts: Floats = np.square(scores[1:] - scores[0]).T / (2 * variance)
    return parts
