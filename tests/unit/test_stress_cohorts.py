"""Rare groups and what-ifs on synthetic rows, and how little these prove."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.domain.findings import Verdict
from amends.workflow.stress_cohorts import Made
from remedy_story import (
    SPEC,
    WINDOW,
    logs,
)
from stressed import (
    Model,
    World,
    breaches,
    found,
    sound,
)


def rare(people: pd.DataFrame) -> pd.DataFrame:
    """The log with sixty people of the window in a group of their own: long hours, and one in ten repays."""
    late = people.index[people["at"] >= WINDOW.start][:60]
    people = people.copy()
    people.loc[late, "sex"] = "x"
    people.loc[late, "hours"] = people.loc[late, "hours"] + 6
    people.loc[late, "repaid"] = (np.arange(60) % 10 == 0).astype(int)
    return people


def test_a_rare_group_that_a_candidate_fails_is_found_on_synthetic_rows() -> None:
    """Sixty rows are too few for the gate; a candidate that decides them all wrongly is stopped by them."""
    log = rare(logs("healthy"))

    def right(rows: pd.DataFrame) -> Any:
        return np.where(rows["hours"] > 4, 0.1, sound(rows))

    def wrong(rows: pd.DataFrame) -> Any:
        return np.where(rows["hours"] > 4, 0.97, sound(rows))

    outcome = World.of(Model(right), log).stressed(Model(wrong))
    brier = found(outcome, "synthetic_group_brier_change")
    assert brier.is_breach
    assert (brier.groups, brier.n) == (("x",), 60)
    assert "synthetic" in brier.reason
    assert not breaches(World.of(Model(right), log).stressed(Model(right)))


def test_a_what_if_finds_a_candidate_that_fails_where_people_are_going() -> None:
    """Turned around from an income of 2 on, where few are now: more income is the worst of the what-ifs."""

    def wrong(rows: pd.DataFrame) -> Any:
        return np.where(rows["income"] > 1.7, 0.1, sound(rows))

    finding = found(World.of().stressed(Model(wrong)), "synthetic_what_if_brier_change")
    assert finding.is_breach
    assert "higher" in finding.reason
    assert finding.column in ("income", "rent")


def test_versions_that_know_more_than_the_generator_keeps_are_not_judged_by_it() -> None:
    """Who repays is who earns middling: no rank correlation tells that, nor do synthetic outcomes.

    On these a candidate that knows it looks worse than one that knows nothing, the more so the more people
    earn much: by more than the limit (here 0.05), and still no breach.
    """
    log = logs("healthy").copy()
    log["repaid"] = (log["income"].abs() < 1.6).astype(int)
    spec = replace(SPEC, policy={"limits": {"gate.synthetic_brier_rise": 0.05}})
    world = World.of(Model(lambda rows: np.full(len(rows), 0.89)), log)
    outcome = world.stressed(
        Model(lambda rows: np.where(rows["income"].fillna(0.0).abs() < 1.6, 0.99, 0.01)), spec=spec
    )
    seen, what_if = (found(outcome, f"synthetic_{one}") for one in ("brier_score", "what_if_brier_change"))
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert "prove nothing" in seen.reason
    assert what_if.interval is not None
    assert what_if.interval[0] > 0.05
    assert what_if.verdict is Verdict.INCONCLUSIVE


def test_synthetic_rows_are_no_more_evidence_than_real_ones() -> None:
    """A thousand rows made of sixty have SciPy's standard error times the root of 1000 / 60, and no less."""
    from scipy.stats import sem

    draw = np.random.default_rng(1)
    label, champion, candidate = (draw.random(1000) < 0.4) * 1.0, draw.random(1000), draw.random(1000)
    made = Made(label=label, champion=champion, candidate=candidate, real=60)
    worse = (candidate - label) ** 2 - (champion - label) ** 2
    fewer = (champion >= 0.5) * 1.0 - (candidate >= 0.5)
    for measure, values in ((made.brier, worse), (made.selection(0.5, 1), fewer)):
        assert measure.value == pytest.approx(values.mean())
        assert measure.error == pytest.approx(sem(values) * (1000 / 60) ** 0.5)
    assert Made(label=label, champion=champion, candidate=candidate, real=2000).brier.error == pytest.approx(
        sem(worse)
    )
