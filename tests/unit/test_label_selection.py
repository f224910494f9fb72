"""Labels that arrive by what they say are told from labels late by chance, and from a changed world."""

from typing import Any

import numpy as np
import pytest
from amends.adapters.files import load_policy
from amends.domain.findings import Category, Verdict
from amends.measures.label_selection import arrival_of
from amends.workflow.judge_drift import judge_drift
from amends.workflow.judge_performance import judge_performance
from predictions import BINARY, digest, predictions, spec_of

POLICY, SPEC = load_policy(), spec_of(BINARY)
REFERENCE = digest(SPEC, predictions(BINARY, 1, 6000))
SCORES = np.linspace(0.05, 0.95, 10)


def counts(rows: int, ones: float, zeros: float) -> np.ndarray:
    """Exact counts (0, 1, pending) of ten scores that are the chance of a 1, by the share that arrives."""
    table = np.zeros((3, 10), np.int64)
    table[1] = np.round(rows * SCORES * ones)
    table[0] = np.round(rows * (1 - SCORES) * zeros)
    table[2] = rows - table[:2].sum(axis=0)
    return table


@pytest.mark.parametrize(("ones", "zeros"), [(0.9, 0.3), (0.2, 0.8), (1.0, 0.4)])
def test_shares_that_arrived_are_recovered(ones: float, zeros: float) -> None:
    """Counts made by hand from two shares give these two shares back, and fit."""
    found = arrival_of(counts(100_000, 1, 1), counts(2000, ones, zeros))
    assert found is not None
    assert (found.ones, found.zeros) == pytest.approx((ones, zeros), abs=0.005)
    assert found.fits > 0.9
    assert found.blind < 1e-9


def test_labels_at_random_fit_one_share() -> None:
    """Half of the labels whatever they say: both shares are a half, and chance explains it."""
    found = arrival_of(counts(100_000, 1, 1), counts(2000, 0.5, 0.5))
    assert found is not None
    assert (found.ones, found.zeros) == pytest.approx((0.5, 0.5), abs=0.005)
    assert found.blind > 0.9


def test_more_labels_than_rows_are_no_selection() -> None:
    """Twice the 1s that the reference's scores foretell: the world changed, whoever is pending."""
    table = counts(2000, 1, 0.5)
    table[1, :5] *= 3
    assert arrival_of(counts(100_000, 1, 1), table) is None


def verdicts(arrives: dict[float, float], seed: int = 4, *, world: float = 0.0) -> dict[str, Verdict]:
    """What is said of AUC, in-the-large calibration and the label's drift, by the share that arrives.

    ``world``: share of the negatives that are 1 now.
    """
    draw, frame = np.random.default_rng(seed), predictions(BINARY, seed, 6000)
    turned = (frame["label"] == 0) & (draw.random(len(frame)) < world)
    frame["label"] = frame["label"].mask(turned, 1)
    kept = draw.random(len(frame)) < frame["label"].astype(float).map(arrives)
    current = digest(SPEC, frame.assign(label=frame["label"].where(kept)), REFERENCE)
    found = [
        *judge_performance(SPEC, POLICY, REFERENCE, current),
        *judge_drift(SPEC, POLICY, REFERENCE, current, {}),
    ]
    asked = {"auc", "calibration_in_the_large"}
    return {
        str(one.category): one.verdict
        for one in found
        if one.metric in asked or one.category is Category.LABEL_DRIFT
    }


def test_labels_that_come_by_outcome_judge_nothing() -> None:
    """Nine in ten 1s and two in ten 0s have arrived: neither performance nor the base rate is judged."""
    assert set(verdicts({1.0: 0.9, 0.0: 0.2}).values()) == {Verdict.INCONCLUSIVE}


def test_labels_that_are_late_by_chance_judge_a_healthy_window() -> None:
    """Half of the labels at random: all passes."""
    assert set(verdicts({1.0: 0.5, 0.0: 0.5}).values()) == {Verdict.PASS}


def chosen(frame: Any) -> dict[str, Verdict]:
    """What is said of AUC and of the label's drift where labels come as told."""
    current = digest(SPEC, frame, REFERENCE)
    found = [
        *judge_performance(SPEC, POLICY, REFERENCE, current),
        *judge_drift(SPEC, POLICY, REFERENCE, current, {}),
    ]
    return {
        one.metric: one.verdict
        for one in found
        if one.metric == "auc" or one.category is Category.LABEL_DRIFT
    }


def test_labels_of_one_decision_judge_nothing() -> None:
    """Only who was accepted shows an outcome: ranking and base rate among them are other questions."""
    frame = predictions(BINARY, 5, 6000)
    found = chosen(frame.assign(label=frame["label"].where(frame["score"] >= frame["score"].median())))
    assert set(found.values()) == {Verdict.INCONCLUSIVE}


def test_a_changed_world_is_seen_in_half_of_its_labels() -> None:
    """Three in ten negatives became 1 and half of the labels are late by chance: that is a loss."""
    assert Verdict.BREACH in verdicts({1.0: 0.5, 0.0: 0.5}, world=0.3).values()
