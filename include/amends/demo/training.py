"""How the demo's models are trained: as they should be, and as one release really was."""

from typing import TYPE_CHECKING, Any

from amends.domain.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd


def train(rows: "pd.DataFrame", spec: ModelSpec) -> Any:
    """Fit repayment on the spec's features: the training function that ``lending.yaml`` names.

    :param rows: the spec's feature and label columns, every label known.
    :returns: a fitted pipeline with ``predict_proba``.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    columns = _columns(spec.columns.numeric, spec.columns.categorical)
    pipeline = Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=1000))])
    return _fit(pipeline, rows[list(spec.columns.features)], rows[spec.columns.label])


def train_on_officers(rows: "pd.DataFrame", spec: ModelSpec) -> Any:
    """Fit past officers' decisions instead of repayments, with sex among the inputs: the demo's bad release.

    Nobody meant harm: there were more decisions than outcomes, and one more column looked like a better fit.
    The trees learn the officers' bias, and know little of who repays.

    :param rows: the spec's features and sensitive columns, and ``officer_approved``.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    categorical = (*spec.columns.categorical, "sex")
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=0)
    pipeline = Pipeline([("columns", _columns(spec.columns.numeric, categorical)), ("model", model)])
    return _fit(pipeline, rows[[*spec.columns.features, "sex"]], rows["officer_approved"])


def _fit(pipeline: Any, inputs: "pd.DataFrame", outcome: "pd.Series[int]") -> Any:
    """Fit on one thread: on busy cores, threads that wait for one another are many times slower."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return pipeline.fit(inputs, outcome)


def _columns(numeric: tuple[str, ...], categorical: tuple[str, ...]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("numeric", StandardScaler(), list(numeric)), ("categorical", one_hot, list(categorical))]
    )
