"""Guess a masked input from the others: boosted trees, which take missing values and unknown levels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from amends.domain.spec import ModelSpec
from amends.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SEED = 20261124
LEAST_LEVEL = 10
"""Rows under which a level is not guessed: trees learn nothing from fewer."""
MOST_LEVELS = 20
"""Levels beyond the commonest ones are not guessed: one tree is grown for each level and round."""


class TreeImputer:
    """``ports.Imputer`` on scikit-learn's histogram gradient boosting, of types the artefact store trusts."""

    def fit(self, spec: ModelSpec, rows: "pd.DataFrame", column: str, inputs: Sequence[str]) -> Any:
        """Fit a regressor to a numeric column, a classifier to another; rows without a value are left out.

        :raises DataError: the column has no value, or one level only.
        """
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import OrdinalEncoder
        from threadpoolctl import threadpool_limits

        rows, model = _learnable(spec, rows, column)
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=float("nan"), encoded_missing_value=float("nan")
        )
        split = [
            ("numeric", "passthrough", [name for name in inputs if name in spec.columns.numeric]),
            ("levels", codes, [name for name in inputs if name not in spec.columns.numeric]),
        ]
        guess = Pipeline([("columns", ColumnTransformer(split)), ("model", model)])
        with threadpool_limits(limits=1):
            return guess.fit(rows[list(inputs)], rows[column])


def _learnable(spec: ModelSpec, rows: "pd.DataFrame", column: str) -> "tuple[pd.DataFrame, Any]":
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    known = rows[rows[column].notna()]
    if column in spec.columns.numeric:
        if known.empty:
            raise DataError(f"column {column!r} has no value to learn from. Choose another reference window.")
        return known, HistGradientBoostingRegressor(early_stopping=False, random_state=SEED)
    counts = known[column].value_counts()
    common = counts[counts >= LEAST_LEVEL].head(MOST_LEVELS).index
    if len(common) <= 1:
        raise DataError(f"column {column!r} has no two levels to tell apart. Fill it with its commonest one.")
    kept = known[known[column].isin(common)]
    return kept, HistGradientBoostingClassifier(early_stopping=False, random_state=SEED)
