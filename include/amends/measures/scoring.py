"""From a fitted estimator, or a scoring function, to scores and decisions."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from amends.domain.spec import ModelSpec
from amends.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from amends.ports import Scorer


DECISION, SCORE = "decision", "score"
"""Columns of the answer of a classifier with several classes: the likeliest class, and its probability."""
BINARY = 2


def scorer_of(estimator: Any) -> "Scorer":
    """Make the scoring function of a fitted estimator: probability of its last class, or its prediction.

    With more classes than two it answers with a frame: the likeliest class and its probability.

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
        if not getattr(estimator, "classifies", hasattr(estimator, "predict_proba")):
            return pd.Series(estimator.predict(inputs), index=rows.index, name=SCORE, dtype=float)
        shares = estimator.predict_proba(inputs)
        if shares.shape[1] <= BINARY:
            return pd.Series(shares[:, -1], index=rows.index, name=SCORE, dtype=float)
        likeliest = shares.argmax(axis=1)
        answer = {DECISION: estimator.classes_[likeliest], SCORE: shares.max(axis=1)}
        return pd.DataFrame(answer, index=rows.index)

    return score


def scores_in(answer: "pd.Series[float] | pd.DataFrame") -> "pd.Series[float]":
    """Take the numbers from what a scorer answered."""
    return answer[SCORE] if answer.ndim > 1 else answer


def decide(spec: ModelSpec, scores: "pd.Series[float]") -> "pd.Series[int]":
    """Turn scores into decisions: 1 where the score reaches the spec's threshold, else 0."""
    decisions: pd.Series[int] = (scores >= spec.decision_threshold).astype("int64")
    return decisions


def rescored(spec: ModelSpec, rows: pa.Table, version: str, scorer: "Scorer") -> pa.Table:
    """Return the same rows as if a version had served them: its scores, decisions and number."""
    answer = scorer(rows.to_pandas())
    scores = scores_in(answer)
    if answer.ndim > 1:
        decisions = answer[DECISION]
    else:
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
