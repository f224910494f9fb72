"""Group metrics on counts are Fairlearn's on rows, and what would make Fairlearn fail open is refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.errors import DataError


def by_group(table: pd.DataFrame, attributes: list[str]) -> pd.DataFrame:
    """Rates of a table of counts."""
    found: pd.DataFrame = FairlearnMetrics().by_group(pa.Table.from_pandas(table), attributes).to_pandas()
    return found


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows as a table of counts."""
    return rows.value_counts(sort=False).rename("count").reset_index()


def test_counts_give_what_rows_give() -> None:
    """Every rate of every intersection agrees with Fairlearn on the rows to 1e-12."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import precision_score

    draw = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "sex": draw.choice(["f", "m"], 5000),
            "race": draw.choice(["a", "b", "c"], 5000),
            "label": draw.integers(0, 2, 5000),
            "predicted_label": draw.integers(0, 2, 5000),
        }
    )
    metrics = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "precision": precision_score,
    }
    expected = MetricFrame(
        metrics=metrics, y_true=rows["label"], y_pred=rows["predicted_label"],
        sensitive_features=rows[["sex", "race"]],
    ).by_group  # fmt: skip
    found = by_group(counted(rows), ["sex", "race"]).set_index(["sex", "race"])
    for name in metrics:
        assert found[name].to_numpy(float) == pytest.approx(expected[name].to_numpy(float), abs=1e-12)


def test_propublicas_table_gives_propublicas_rates() -> None:
    """Two-year recidivism by race: 44.85 % and 23.45 % false positives, 72.01 % and 52.28 % true positives.

    Counts and rates as published: Larson, Mattu, Kirchner, Angwin (2016), "How we analyzed the COMPAS
    recidivism algorithm".
    """
    table = pd.DataFrame(
        [
            ("African-American", 0, 0, 990), ("African-American", 0, 1, 805),
            ("African-American", 1, 0, 532), ("African-American", 1, 1, 1369),
            ("Caucasian", 0, 0, 1139), ("Caucasian", 0, 1, 349),
            ("Caucasian", 1, 0, 461), ("Caucasian", 1, 1, 505),
        ],
        columns=["race", "label", "predicted_label", "count"],
    )  # fmt: skip
    rates = by_group(table, ["race"]).set_index("race")
    assert rates["false_positive_rate"].round(4).to_list() == [0.4485, 0.2345]
    assert rates["true_positive_rate"].round(4).to_list() == [0.7201, 0.5228]
    assert rates["count"].to_list() == [3696, 2454]
    assert rates["positives"].to_list() == [1901, 966]
    assert rates["selected"].to_list() == [2174, 854]
    assert rates["precision"].round(4).to_list() == [0.6297, 0.5913]  # "PV+: 0.63" and "0.59" there


def test_pending_labels_count_for_selection_only() -> None:
    """By hand: of four rows one is selected; the only labelled one is a negative that was not."""
    table = pd.DataFrame(
        [("f", -1, 1, 1), ("f", -1, 0, 2), ("f", 0, 0, 1)],
        columns=["sex", "label", "predicted_label", "count"],
    )
    rates = by_group(table, ["sex"]).iloc[0]
    assert rates["selection_rate"] == 0.25
    assert rates["false_positive_rate"] == 0
    assert np.isnan(rates["true_positive_rate"])
    assert (rates["count"], rates["positives"], rates["negatives"]) == (4, 0, 1)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"sex": ["f"], "label": ["yes"], "predicted_label": [1]}, "label holds 'yes'"),
        ({"sex": ["f"], "label": [1], "predicted_label": [0.7]}, "predicted_label holds '0.7'"),
        ({"sex": [None], "label": [1], "predicted_label": [1]}, "'sex' has nulls"),
        ({"sex": ["f"], "label": [float("nan")], "predicted_label": [1]}, "label holds 'nan'"),
        ({"sex": [], "label": [], "predicted_label": []}, "has no rows"),
    ],
)
def test_what_would_read_as_fair_is_refused(table: dict[str, list[object]], said: str) -> None:
    """Text labels, probabilities, nulls and nothing give Fairlearn a gap of 0.0, or a traceback."""
    with pytest.raises(DataError, match=said):
        by_group(pd.DataFrame(table).assign(count=1), ["sex"])


@pytest.mark.parametrize(
    ("count", "said"), [(0, "has no rows"), (-1, "count below 0"), (float("nan"), "none")]
)
def test_counts_that_count_nothing_are_refused(count: float, said: str) -> None:
    """Weights of zero give NaN, negative ones anything."""
    table = pd.DataFrame({"sex": ["f"], "label": [1], "predicted_label": [1], "count": [count]})
    with pytest.raises(DataError, match=said):
        by_group(table, ["sex"])


def test_a_group_of_one_class_has_no_number_for_the_other() -> None:
    """By hand: without a positive there is no true positive rate, without a selected row no precision."""
    table = pd.DataFrame(
        [("a", 1, 1, 20), ("b", 0, 0, 30), ("c", 0, 1, 5)],
        columns=["sex", "label", "predicted_label", "count"],
    )
    rates = by_group(table, ["sex"]).set_index("sex")
    assert rates["selection_rate"].to_list() == [1, 0, 1]
    assert rates["true_positive_rate"].isna().to_list() == [False, True, True]
    assert rates["false_positive_rate"].isna().to_list() == [True, False, False]
    assert rates["precision"].isna().to_list() == [False, True, False]
