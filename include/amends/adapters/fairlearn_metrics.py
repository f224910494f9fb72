"""Fairlearn's group metrics, computed on the table of counts with the counts as weights: exact."""

from typing import TYPE_CHECKING

from amends.errors import DataError
from amends.ports import Ask, here

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]

PENDING = -1
"""Label of rows whose outcome has not arrived."""
BASES = {
    "selection_rate": "count",
    "true_positive_rate": "positives",
    "false_positive_rate": "negatives",
    "precision": "selected",
}
"""Rate and the column of the rows that it rests on."""


class FairlearnMetrics:
    """The :class:`amends.ports.FairnessMetrics` on Fairlearn's MetricFrame."""

    def __init__(self, ask: Ask = here) -> None:
        """Take what calls a function where Fairlearn is loaded."""
        self._ask = ask

    def by_group(self, table: "pa.Table", attributes: "Sequence[str]") -> "pa.Table":
        """Rates per group; a rate that has no row to rest on is null.

        :param table: ``attributes``, ``label`` (0, 1, or -1: pending), ``predicted_label`` (0, 1), ``count``.
        :returns: one row a group: the attributes, ``selection_rate``, ``true_positive_rate``,
            ``false_positive_rate``, ``precision``, and what they rest on: ``count``, and of the labelled
            rows ``positives``, ``negatives`` and ``selected``.
        :raises DataError: the table would make Fairlearn fail open.
        """
        return self._ask(rates, table, list(attributes))


def rates(counted: "pa.Table", groups: list[str]) -> "pa.Table":
    """Let Fairlearn compute the rates. :raises DataError: the table would make it fail open."""
    import pandas as pd
    import pyarrow as pa
    from fairlearn.metrics import MetricFrame

    table: pd.DataFrame = counted.to_pandas()
    _refuse_open_failure(table, groups)
    table = table[table["count"] > 0]
    by_group: pd.Series = MetricFrame(
        metrics=_measured,
        y_true=table["label"],
        y_pred=table["predicted_label"],
        sensitive_features=table[groups],
        sample_params={"sample_weight": table["count"]},
    ).by_group.dropna()
    frame = pd.DataFrame(by_group.tolist(), index=by_group.index)
    return pa.Table.from_pandas(frame.reset_index(), preserve_index=False)


def _measured(y_true: "Ints", y_pred: "Ints", sample_weight: "Ints") -> dict[str, float | int]:
    """Every rate of one group, and its base: each is the selection rate among the rows that it rests on."""
    from fairlearn.metrics import selection_rate

    parts = {
        "selection_rate": (y_pred, sample_weight > 0),
        "true_positive_rate": (y_pred, y_true == 1),
        "false_positive_rate": (y_pred, y_true == 0),
        "precision": (y_true, (y_true != PENDING) & (y_pred == 1)),
    }
    found: dict[str, float | int] = {}
    for rate, (answer, rows) in parts.items():
        answers, counts = answer[rows], sample_weight[rows]
        known = len(counts) > 0
        found[rate] = selection_rate(answers, answers, sample_weight=counts) if known else float("nan")
        found[BASES[rate]] = int(counts.sum())
    return found


def _refuse_open_failure(table: "pd.DataFrame", attributes: "Sequence[str]") -> None:
    """Text labels and nulls give Fairlearn a difference of 0.0: fair, as it seems."""
    for name, allowed in (("label", {0, 1, PENDING}), ("predicted_label", {0, 1})):
        strange = set(table[name].unique()) - allowed
        if strange:
            raise DataError(
                f"the fairness table's {name} holds {min(map(str, strange))!r}; code it as 0 and 1."
            )
    if not (table["count"] >= 0).all():
        raise DataError("the fairness table has a count below 0 or none at all. Count the rows.")
    if not table["count"].sum():
        raise DataError("the fairness table has no rows. Give a window that has decisions and groups.")
    for attribute in attributes:
        if table[attribute].isna().any():
            raise DataError(
                f"sensitive attribute {attribute!r} has nulls in the fairness table. Leave those rows out."
            )
