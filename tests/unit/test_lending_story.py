"""The demo's data tell the story they are said to tell, measured by scikit-learn and Fairlearn."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from amends.demo import lending
from amends.demo.training import train, train_on_officers
from amends.domain.spec import ModelSpec, spec_from_document

SPEC = Path(__file__).parents[2] / "include" / "models" / "lending.yaml"
SEEDS = [lending.SEED, 1, 2]
GROUPS: list[Any] = ["sex", "age_group", ["sex", "age_group"]]


def spec() -> ModelSpec:
    """The demo's spec as it is shipped."""
    return spec_from_document(yaml.safe_load(SPEC.read_text()), SPEC.name)


@cache
def rows(period: lending.Period, seed: int) -> pd.DataFrame:
    """A period's applications."""
    return lending.applications(period, seed)


@cache
def releases(seed: int) -> tuple[Any, Any]:
    """Release 1, trained on repayments, and release 2, trained on officers' decisions."""
    history = rows(lending.HISTORY, seed)
    return train(history, spec()), train_on_officers(history, spec())


def auc(model: Any, data: pd.DataFrame) -> float:
    """Area under the ROC curve by scikit-learn."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(data["repaid"], model.predict_proba(data)[:, 1]))


def ratio(model: Any, data: pd.DataFrame, by: Any) -> float:
    """Selection-rate ratio by Fairlearn at the spec's threshold."""
    from fairlearn.metrics import demographic_parity_ratio

    chosen = (model.predict_proba(data)[:, 1] >= spec().decision_threshold).astype(int)
    return float(demographic_parity_ratio(data["repaid"], chosen, sensitive_features=data[by]))


def test_the_same_seed_gives_the_same_people() -> None:
    """Two draws agree cell by cell; another seed does not."""
    again = lending.applications(lending.BAD)

    pd.testing.assert_frame_equal(lending.applications(lending.BAD), again)
    assert not again["income"].equals(lending.applications(lending.BAD, 7)["income"])


def test_periods_follow_one_another_and_fit_the_spec() -> None:
    """No gap or overlap; the reference is the spec's, windows have its length, rows lie inside."""
    told = [lending.HISTORY, lending.REFERENCE, lending.HEALTHY, lending.BAD, lending.RECOVERED]
    windows = spec().windows
    bad = rows(lending.BAD, lending.SEED)

    assert all(one.end == following.start for one, following in pairwise(told))
    assert windows is not None
    assert (windows.reference_start, windows.reference_end) == (
        lending.REFERENCE.start,
        lending.REFERENCE.end,
    )
    assert all(period.days == windows.length.days for period in told[2:])
    assert bad["decided_at"].between(lending.BAD.start, lending.BAD.end, inclusive="left").all()
    assert bad["application_id"].is_unique
    assert {len(bad), len(rows(lending.REFERENCE, lending.SEED))} == {4004, 8008}


@pytest.mark.parametrize("seed", SEEDS)
def test_release_1_is_good_and_fair_in_every_period(seed: int) -> None:
    """It ranks repayers well and approves all groups and intersections nearly alike."""
    good, _ = releases(seed)

    for period in (lending.REFERENCE, lending.HEALTHY, lending.RECOVERED):
        data = rows(period, seed)
        assert auc(good, data) > 0.79
        assert min(ratio(good, data, by) for by in GROUPS) > 0.88


@pytest.mark.parametrize("seed", SEEDS)
def test_release_2_is_worse_and_biased(seed: int) -> None:
    """It loses over 0.15 AUC, and women are approved at under two thirds of the men's rate."""
    good, bad = releases(seed)
    data = rows(lending.BAD, seed)

    assert auc(bad, data) < auc(good, data) - 0.15
    assert ratio(bad, data, "sex") < 0.66
    assert ratio(good, data, "sex") > 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bad_window_brings_the_same_kind_of_people(seed: int) -> None:
    """Inputs do not drift: no mean moves by a tenth of a standard deviation, no level's share by 4 points."""
    before, after = rows(lending.REFERENCE, seed), rows(lending.BAD, seed)

    for name in spec().columns.numeric:
        assert abs(after[name].mean() - before[name].mean()) < 0.1 * before[name].std()
    for name in (*spec().columns.categorical, *spec().columns.sensitive):
        shares = [frame[name].value_counts(normalize=True) for frame in (before, after)]
        assert shares[1].sub(shares[0]).abs().max() < 0.04


@pytest.mark.parametrize("seed", SEEDS)
def test_retraining_on_recent_rows_recovers_both(seed: int) -> None:
    """Trained on the log, bad window included, the next release is as good and as fair as the first."""
    log = pd.concat([rows(p, seed) for p in (lending.REFERENCE, lending.HEALTHY, lending.BAD)])
    again, (good, _), data = train(log, spec()), releases(seed), rows(lending.RECOVERED, seed)

    assert auc(again, data) > auc(good, data) - 0.01
    assert min(ratio(again, data, by) for by in GROUPS) > 0.88
