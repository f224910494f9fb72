"""Real decisions about people: the published rates, and Fairlearn's on the rows, come out of the digest."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.parquet import ParquetWindows
from amends.measures.fairness import GROUP, coded, grouped
from amends.workflow.digest import digest_window
from group_rows import spec

CASE = Path(os.environ.get("AMENDS_CASES", "no-cases")) / "compas_race_fpr"
pytestmark = [
    pytest.mark.cases,
    pytest.mark.skipif(not CASE.is_dir(), reason="no real cases: set AMENDS_CASES"),
]


def rates(names: tuple[str, ...]) -> pd.DataFrame:
    """Rates by group in the case's window, from its digest."""
    roles = json.loads((CASE / "case_public.json").read_text())["columns"]
    columns = {
        **{name: roles[name] for name in ("id", "timestamp", "score", "predicted_label", "label")},
        "sensitive": roles["sensitive"],
    }
    model = spec(favourable_label=0, columns=columns)
    window = coded(model, digest_window(model, ParquetWindows(CASE / "current.parquet"), None))
    groups = grouped(window, names, 100)
    table = FairlearnMetrics().by_group(groups.table, (GROUP,)).to_pandas()
    return table.assign(name=[groups.names[i] for i in table[GROUP]]).set_index("name")


def test_false_positive_rates_are_the_published_ones() -> None:
    """0.37 of the African-American and 0.20 of the Caucasian people who did not reoffend were flagged."""
    found = rates(("race",))["false_positive_rate"]
    assert found["African-American"] == pytest.approx(0.370, abs=5e-4)
    assert found["Caucasian"] == pytest.approx(0.201, abs=5e-4)


@pytest.mark.parametrize("names", [("race",), ("race", "sex")])
def test_rates_are_fairlearns_on_the_rows(names: tuple[str, ...]) -> None:
    """Every rate of every large group and intersection, to 1e-12."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import precision_score

    rows = pd.read_parquet(CASE / "current.parquet")
    metrics = {
        "selection_rate": selection_rate, "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate, "precision": precision_score,
    }  # fmt: skip
    name = rows[list(names)].agg(" & ".join, axis=1)
    large = name.map(name.value_counts()) >= 100
    expected = MetricFrame(
        metrics=metrics, y_true=rows.loc[large, "label"], y_pred=rows.loc[large, "predicted_label"],
        sensitive_features=name[large],
    ).by_group  # fmt: skip
    found = rates(names)
    assert sorted(found.index) == sorted(expected.index)
    for metric in metrics:
        ours = found[metric].reindex(expected.index).to_numpy(float)
        assert ours == pytest.approx(expected[metric].to_numpy(float), abs=1e-12), metric
