"""Fairlearn's group metrics, computed on the table of counts with the counts as weights: exact."""

from typing import TYPE_CHECKING

from amends.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

PENDING = -1
"""Label of rows whose outcome has not arrived."""


class FairlearnMetrics:
    """The :class:`amends.ports.FairnessMetrics` on Fairlearn's MetricFrame."""

    def by_group(self, table: "pd.DataFrame", attributes: "Sequence[str]") -> "pd.DataFrame":
        """Rates per group; a rate that has no row to rest on is NaN.

        :param table: ``attributes``, ``label`` (0, 1, or -1: pending), ``predicted_label`` (0, 1), ``count``.
        :returns: one row a group: the attributes, ``selection_rate``, ``true_positive_rate``,
            ``false_positive_rate``, ``count``, ``positives``, ``negatives``.
        :raises DataError: the table would make Fairlearn fail open.
        """
        from fairlearn.metrics import false_positive_rate, selection_rate, true_positive_rate

        _refuse_open_failure(table, attributes)
        groups, labelled = list(attributes), table[table["label"] != PENDING]
        frame = _rates(table, groups, selection_rate=selection_rate)
        errors = {"true_positive_rate": true_positive_rate, "false_positive_rate": false_positive_rate}
        if labelled.empty:
            frame[list(errors)] = float("nan")
        else:
            frame = frame.join(_rates(labelled, groups, **errors))
        classes = {"count": table, "positives": labelled[labelled["label"] == 1],
                   "negatives": labelled[labelled["label"] == 0]}  # fmt: skip
        for name, rows in classes.items():
            frame[name] = rows.groupby(groups)["count"].sum().reindex(frame.index).fillna(0).astype("int64")
        for rate, base in (("true_positive_rate", "positives"), ("false_positive_rate", "negatives")):
            frame[rate] = frame[rate].where(frame[base] > 0)
        return frame[frame["count"] > 0].reset_index()


def _rates(table: "pd.DataFrame", groups: list[str], **metrics: object) -> "pd.DataFrame":
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
    if table.empty:
        raise DataError("the fairness table has no rows. Give a window that has decisions and groups.")
    for name, allowed in (("label", {0, 1, PENDING}), ("predicted_label", {0, 1})):
        strange = set(table[name].unique()) - allowed
        if strange:
            raise DataError(
                f"the fairness table's {name} holds {min(map(str, strange))!r}; code it as 0 and 1."
            )
    for attribute in attributes:
        if table[attribute].isna().any():
            raise DataError(
                f"sensitive attribute {attribute!r} has nulls in the fairness table. Leave those rows out."
            )
