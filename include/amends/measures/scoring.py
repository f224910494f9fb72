"""From a fitted estimator, or a scoring function, to scores and decisions."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from amends.domain.spec import ModelSpec
from amends.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from amends.ports import Scorer


def scorer_of(estimator: Any) -> "Scorer":
    """Make the scoring function of a fitted estimator: probability of its last class, or its prediction.

    The function takes the columns the estimator was fitted on and leaves all others alone.
    """
    import pandas as pd  # noqa: PLC0415 - half a second that only some callers need

    names = list(getattr(estimator, "feature_names_in_", []))

    def score(rows: "pd.DataFrame") -> "pd.Series[float]":
        """Score rows in their order. :raises DataError: a column is missing."""
        missing = [name for name in names if name not in rows.columns]
        if missing:
            raise DataError(f"rows to score lack column {missing[0]!r}. Give every feature of the model.")
        inputs = rows[names] if names else rows
        if hasattr(estimator, "predict_proba"):
            scores = estimator.predict_proba(inputs)[:, -1]
        else:
            scores = estimator.predict(inputs)
        return pd.Series(scores, index=rows.index, name="score", dtype=float)

    return score


def decide(spec: ModelSpec, scores: "pd.Series[float]") -> "pd.Series[int]":
    """Turn scores into decisions: 1 where the score reaches the spec's threshold, else 0."""
    decisions: pd.Series[int] = (scores >= spec.decision_threshold).astype("int64")
    return decisions


def rescored(spec: ModelSpec, rows: pa.Table, version: str, scorer: "Scorer") -> pa.Table:
    """Return the same rows as if a version had served them: its scores, decisions and number."""
    scores = scorer(rows.to_pandas())
    decisions = scores if spec.task == "regression" else decide(spec, scores)
    columns = {
        spec.columns.score: pa.array(scores, pa.float64()),
        spec.columns.predicted_label: pa.array(decisions),
        spec.columns.model_version: pa.array([version] * len(scores), pa.string()),
    }
    for name, values in columns.items():
        if name is not None:
            rows = rows.set_column(rows.column_names.index(name), name, values)
    return rows
