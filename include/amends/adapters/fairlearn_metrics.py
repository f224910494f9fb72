"""Fairlearn's group metrics, computed on the table of counts with the counts as weights: exact."""

from functools import partial
from typing import TYPE_CHECKING, Any

from amends.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

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

    def by_group(self, table: "pd.DataFrame", attributes: "Sequence[str]") -> "pd.DataFrame":
        """Rates per group; a rate that has no row to rest on is NaN.

        :param table: ``attributes``, ``label`` (0, 1, or -1: pending), ``predicted_label`` (0, 1), ``count``.
        :returns: one row a group: the attributes, ``selection_rate``, ``true_positive_rate``,
            ``false_positive_rate``, ``precision``, and what they rest on: ``count``, and of the labelled
            rows ``positives``, ``negatives`` and ``selected``.
        :raises DataError: the table would make Fairlearn fail open.
        """
        from fairlearn.metrics import false_positive_rate, selection_rate, true_positive_rate
        from sklearn.metrics import precision_score

        _refuse_open_failure(table, attributes)
        groups, table = list(attributes), table[table["count"] > 0]
        labelled = table[table["label"] != PENDING]
        frame = _rates(table, groups, selection_rate=selection_rate)
        errors = {
            "true_positive_rate": true_positive_rate,
            "false_positive_rate": false_positive_rate,
            "precision": partial(precision_score, zero_division=float("nan")),
        }
        if labelled.empty:
            frame[list(errors)] = float("nan")
        else:
            frame = frame.join(_rates(labelled, groups, **errors))
        parts = {"count": table, "positives": labelled[labelled["label"] == 1],
                 "negatives": labelled[labelled["label"] == 0],
                 "selected": labelled[labelled["predicted_label"] == 1]}  # fmt: skip
        for name, rows in parts.items():
            frame[name] = rows.groupby(groups)["count"].sum().reindex(frame.index).fillna(0).astype("int64")
        for rate, base in BASES.items():
            frame[rate] = frame[rate].astype(float).where(frame[base] > 0)
        return frame[frame["count"] > 0].reset_index()


def _rates(table: "pd.DataFrame", groups: list[str], **metrics: Any) -> "pd.DataFrame":
    from fairlearn.metrics import MetricFrame

    frame: pd.DataFrame = MetricFrame(
        metrics=metrics,
        y_true=table["label"].where(table["label"] != PENDING, 0),
        y_pred=table["predicted_label"],
        sensitive_features=table[groups],
        sample_params={name: {"sample_weight": table["count"]} for name in metrics},
    ).by_group
    return frame


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
