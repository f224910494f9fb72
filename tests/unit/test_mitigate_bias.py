"""Bias mitigation on a small credit model, with log, ledger and registry in memory."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from amends.adapters.fairlearn_mitigation import FairlearnMitigator
from amends.domain.spec import Training
from amends.errors import DataError, SpecError
from amends.workflow.remedies.mitigate_bias import curve_of
from remedy_story import REFERENCE, SPEC, held_out, logs, mitigated, parent, people, scores, services, train

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_smaller_gap_is_found_without_the_attribute_and_its_price_is_shown() -> None:
    """Selection ratio over 0.8 from under 0.7 on held-out rows, and a curve that pays accuracy for parity."""
    from fairlearn.metrics import demographic_parity_ratio

    given = services(logs("healthy"))
    made = mitigated(given)
    rows, curve = held_out(logs("healthy"), made.holdout), curve_of(given, made)
    ratios = [
        demographic_parity_ratio(rows["repaid"], scored >= 0.5, sensitive_features=rows["sex"])
        for scored in (given.registry.load(parent(given))(rows), scores(given, made, rows))
    ]

    assert ratios[0] < 0.7
    assert ratios[1] > 0.8
    assert made.facts["sensitive_at_scoring"] == []
    assert "sex" not in given.registry.estimator(made.version).feature_names_in_
    assert scores(given, made, rows.drop(columns="sex")).equals(scores(given, made, rows))
    assert {row["method"] for row in curve} == {"parent", "none", "reduction", "reweighing"}
    assert not any(row["uses_attribute"] for row in curve)
    reductions = sorted((row["strength"], row["accuracy"]) for row in curve if row["method"] == "reduction")
    assert len(reductions) >= 5
    assert reductions[0][1] > reductions[-1][1]
    before, after = made.facts["price"]["selection_rate_ratio"]
    assert before < 0.7
    assert after > 0.8


def test_thresholds_by_group_are_tried_only_where_they_are_allowed() -> None:
    """Allowed by name, they are on the curve, marked; the winner says whether it reads the column."""
    given = services(logs("healthy"))
    made = mitigated(given, at_scoring=True)
    marked = {row["method"] for row in curve_of(given, made) if row["uses_attribute"]}

    assert marked == {"group_thresholds"}
    reads = "sex" in given.registry.estimator(made.version).feature_names_in_
    assert made.facts["sensitive_at_scoring"] == (["sex"] if reads else [])


def test_equal_error_rates_can_be_asked_for() -> None:
    """Under equalized odds the gap is the wider rate difference, and its limit the policy's."""
    given = services(logs("healthy"))
    made = mitigated(given, constraint="equalized_odds")
    row = made.facts["attempt"]

    assert made.facts["limit"] == 0.1
    assert row["gap"] == max(row["true_positive_rate_difference"], row["false_positive_rate_difference"])


def test_a_threshold_other_than_a_half_is_kept() -> None:
    """Decided at 0.3, a constrained predictor has the plain one's rate, and rates nearer by group."""
    rows = people(REFERENCE, 1)
    plain = train(rows, SPEC)
    fitted = FairlearnMitigator().reduced(
        plain, rows[list(SPEC.columns.features)], rows["repaid"], rows["sex"],
        constraint="demographic_parity", strength=0.4, threshold=0.3,
    )  # fmt: skip
    before, after = (
        pd.Series(one.predict_proba(rows)[:, -1] >= 0.3).groupby(rows["sex"]).mean()
        for one in (plain, fitted)
    )

    assert after.mean() == pytest.approx(before.mean(), abs=0.05)
    assert after["f"] / after["m"] > before["f"] / before["m"] + 0.1


def test_a_handful_of_people_do_not_drown_the_others() -> None:
    """Ten people of a third group, all refused, change nothing in how much two large groups come together."""
    rows = people(REFERENCE, 1)
    plain, inputs = train(rows, SPEC), rows[list(SPEC.columns.features)]
    refused = rows.index[plain.predict(inputs) == 0][:10]
    few = rows["sex"].where(~rows.index.isin(refused), "x")

    def ratio(groups: "pd.Series[str]") -> float:
        fitted = FairlearnMitigator().reduced(
            plain, inputs, rows["repaid"], groups,
            constraint="demographic_parity", strength=0.4, threshold=0.5,
        )  # fmt: skip
        rate = pd.Series(fitted.predict(inputs)).groupby(rows["sex"]).mean()
        return float(rate["f"] / rate["m"])

    assert ratio(few) == pytest.approx(ratio(rows["sex"]), abs=0.02)


def test_a_constraint_that_is_kept_changes_nothing() -> None:
    """Where all groups are decided on alike there is nothing to weigh: the copy is the plain fit."""
    rows = people(REFERENCE, 1)
    plain = train(rows, SPEC)
    fitted = FairlearnMitigator().reduced(
        plain, rows[list(SPEC.columns.features)], rows["repaid"], pd.Series("m", index=rows.index),
        constraint="demographic_parity", strength=1.0, threshold=0.5,
    )  # fmt: skip

    assert fitted.predict_proba(rows) == pytest.approx(plain.predict_proba(rows), abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attribute": "region"}, "no sensitive column"),
        ({"constraint": "calibration"}, "constraint 'calibration' is unknown"),
        ({"spec": replace(SPEC, favourable_label=None)}, "favourable_label is missing"),
        ({"spec": replace(SPEC, task="regression")}, "no such remedy"),
        ({"spec": replace(SPEC, training=Training(function="remedy_story:train_with_sex"))}, "reads 'sex'"),
        (
            {"spec": replace(SPEC, training=Training(function="remedy_story:train_neighbours"))},
            "takes no sample_weight",
        ),
    ],
    ids=["attribute", "constraint", "favourable", "task", "reads it", "no weights"],
)
def test_a_mitigation_that_cannot_be_made_says_why(changes: dict[str, Any], message: str) -> None:
    """The spec's author reads what to change; nothing is registered."""
    given = services(logs("healthy"))

    with pytest.raises(SpecError, match=message):
        mitigated(given, **changes)
    assert len(given.registry.versions(SPEC.name)) == 1


def test_one_group_is_no_comparison() -> None:
    """With nearly everybody of one sex there is nothing to bring together."""
    log = logs("healthy").assign(sex="m")

    with pytest.raises(DataError, match="under two groups of 'sex'"):
        mitigated(services(log))
