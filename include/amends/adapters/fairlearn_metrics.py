"""Fairlearn's group metrics, computed on the table of counts with the counts as weights: exact."""

from typing import TYPE_CHECKING

from amends.errors import DataError
from amends.ports import Ask, here

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import pyarrow as pa

PENDING = -1
"""Label of rows whose outcome has not arrived."""
BASES = {
    "selection_rate": "count",
    "true_positive_rate": "positives",
    "false_positive_rate": "negatives",
    "precision": "selected",
}
"""Rate and the column of the rows that it rests on."""
PART = "(rate)"


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
    import pyarrow as pa

    table: pd.DataFrame = counted.to_pandas()
    _refuse_open_failure(table, groups)
    parts = _parts(table[table["count"] > 0])
    frame = _shares(parts, groups)
    for rate, base in BASES.items():
        counts = parts[rate].groupby(groups)["count"].sum()
        frame[base] = counts.reindex(frame.index).fillna(0).astype("int64")
        frame[rate] = frame[rate].where(frame[base] > 0) if rate in frame else float("nan")
    return pa.Table.from_pandas(frame[[*BASES, *BASES.values()]].reset_index(), preserve_index=False)


def _parts(table: "pd.DataFrame") -> "dict[str, pd.DataFrame]":
    """The rows that each rate rests on, and in ``answer`` what it is the share of."""
    label, decision = table["label"], table["predicted_label"]
    return {
        "selection_rate": table.assign(answer=decision),
        "true_positive_rate": table.assign(answer=decision)[label == 1],
        "false_positive_rate": table.assign(answer=decision)[label == 0],
        "precision": table.assign(answer=label)[(label != PENDING) & (decision == 1)],
    }


def _shares(parts: "dict[str, pd.DataFrame]", groups: list[str]) -> "pd.DataFrame":
    """Every rate is a selection rate among the rows that it rests on: one pass of Fairlearn makes all."""
    import pandas as pd
    from fairlearn.metrics import MetricFrame, selection_rate

    stacked = pd.concat([rows.assign(**{PART: name}) for name, rows in parts.items()], ignore_index=True)
    by_group: pd.Series = MetricFrame(
        metrics=selection_rate,
        y_true=stacked["answer"],
        y_pred=stacked["answer"],
        sensitive_features=stacked[[PART, *groups]],
        sample_params={"sample_weight": stacked["count"]},
    ).by_group
    frame: pd.DataFrame = by_group.astype(float).unstack(PART)  # noqa: PD010 - its index says it
    known = set(parts["selection_rate"][groups].itertuples(index=False, name=None))
    return frame[[(key if len(groups) > 1 else (key,)) in known for key in frame.index]]


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
