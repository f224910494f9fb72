"""A candidate that was trained on the very rows it is judged on is told apart from one that is better."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.findings import Verdict
from amends.measures.emulation import Inputs, copied
from amends.workflow.gate import gate
from lending import applicants, digested, lending_spec, scored, sigmoid

SPEC = lending_spec(favourable_label=None)
POLICY = load_policy()
REFERENCE = applicants(2000, seed=1)


def rows(seed: int = 2, size: int = 3000) -> pd.DataFrame:
    """Applicants whose outcome hangs on income by region, and on miles."""
    people = applicants(size, seed=seed)
    slope = people["region"].map({"north": 1.6, "south": 0.8, "west": -1.2})
    truth = sigmoid(slope * people["income"] + 0.5 * (people["miles"] - 3))
    draw = np.random.default_rng(seed + 100)
    return people.assign(truth=truth, label=(draw.random(size) < truth).astype(int))


def judged(people: pd.DataFrame, champion: Any, candidate: Any) -> Any:
    """The gate's validation."""
    before = digested(SPEC, scored(REFERENCE, REFERENCE["truth"]))
    pair = scored(people, champion), scored(people, candidate)
    return gate(
        SPEC, POLICY, GreatExpectationsGate(POLICY), reference=before, champion=pair[0], candidate=pair[1]
    )


def unexplained(validation: Any) -> list[Verdict]:
    """Verdicts of the check."""
    return [one.verdict for one in validation.findings if one.metric == "unexplained_auc"]


def weak(people: pd.DataFrame) -> Any:
    """A champion that knows miles alone."""
    return sigmoid(0.5 * (people["miles"] - 3))


def test_a_better_use_of_the_inputs_is_blessed() -> None:
    """The candidate knows how income works in each region: its copy knows it, too."""
    people = rows()
    validation = judged(people, weak(people), people["truth"])
    assert unexplained(validation) == [Verdict.PASS]
    assert validation.blessed


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_scores_that_hold_the_rows_own_outcomes_are_refused(share: float) -> None:
    """Honest scores drawn towards each row's own label, as calibrated as before: no inputs give those."""
    people = rows()
    odds = np.log(people["truth"] / (1 - people["truth"]))
    known = np.random.default_rng(1).random(len(people)) < share
    leaky = sigmoid(odds + 1.5 * known * (2 * people["label"] - 1))
    validation = judged(people, weak(people), leaky)
    assert unexplained(validation) == [Verdict.BREACH]
    assert not validation.blessed
    assert any("trained on these rows" in reason for reason in validation.reasons)


def test_nothing_is_asked_of_a_candidate_that_hardly_gains() -> None:
    """The same scores need no copy."""
    people = rows(size=600)
    assert unexplained(judged(people, people["truth"], people["truth"])) == []


def test_a_copy_answers_for_nulls_and_unseen_levels() -> None:
    """Rows are answered by the other half: numbers with gaps, levels that only one half has."""
    draw = np.random.default_rng(3)
    number = np.where(draw.random(800) < 0.2, np.nan, draw.normal(0, 1, 800))
    level = [f"only {i}" if i % 50 == 0 else "ab"[i % 2] for i in range(800)]
    table = pa.table({"number": pa.array(number, from_pandas=True), "level": level})
    score = sigmoid(np.nan_to_num(number, nan=1.0) + np.array([one == "a" for one in level]))
    copy = copied(Inputs.of(table, ["number"], ["level"]), score)
    assert np.isfinite(copy).all()
    assert np.corrcoef(copy, np.log(score / (1 - score)))[0, 1] > 0.97
