"""The rules of the gate on numbers given by hand."""

import math

import pytest
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.noninferiority import Span, rule_change, rule_level
from amends.domain.validation import bless


@pytest.mark.parametrize(
    ("worse", "verdict"),
    [
        ((0.0, 0.0, 0.0), Verdict.PASS),
        ((-0.05, -0.06, -0.04), Verdict.PASS),
        ((0.01, 0.005, 0.015), Verdict.PASS),
        ((0.03, 0.025, 0.035), Verdict.BREACH),
        ((0.03, 0.005, 0.055), Verdict.BREACH),
        ((0.015, 0.010, 0.022), Verdict.INCONCLUSIVE),
        ((0.0, -0.03, 0.03), Verdict.INCONCLUSIVE),
        ((0.03, -0.01, 0.07), Verdict.INCONCLUSIVE),
        ((math.nan, -math.inf, math.inf), Verdict.INCONCLUSIVE),
    ],
)
def test_no_worse_has_to_be_proven(worse: tuple[float, float, float], verdict: Verdict) -> None:
    """With a margin of 0.02: pass only if the whole interval is within, breach only if the loss is proven."""
    assert rule_change(Span(*worse), 0.02, 1000).verdict is verdict


def test_the_rows_that_would_do_follow_the_root_law() -> None:
    """An interval of +-0.04 on 1000 rows has to halve to fit 0.02: four times the rows."""
    assert "about 4000 would" in rule_change(Span(0.0, -0.04, 0.04), 0.02, 1000).reason


def test_a_candidate_at_the_limit_is_told_that_rows_will_not_help() -> None:
    """Where the loss equals the margin, no number of rows narrows it enough."""
    assert "more rows alone" in rule_change(Span(0.02, -0.3, 0.34), 0.02 + 1e-12, 1000).reason


def test_a_change_within_a_harmless_gap_passes_but_never_a_proven_loss() -> None:
    """Chance is forgiven where the gap is proven small; a proven loss is not."""
    assert rule_change(Span(0.01, -0.06, 0.08), 0.05, 500, harmless=True).verdict is Verdict.PASS
    assert rule_change(Span(0.07, 0.06, 0.08), 0.05, 500, harmless=True).verdict is Verdict.BREACH


@pytest.mark.parametrize(
    ("candidate", "champion", "worse", "verdict"),
    [
        ((0.05, 0.02, 0.12), 0.05, (0.0, 0.0, 0.0), Verdict.PASS),
        ((0.20, 0.15, 0.25), 0.05, (0.15, 0.1, 0.2), Verdict.BREACH),
        ((0.20, 0.15, 0.25), 0.20, (0.0, 0.0, 0.0), Verdict.BREACH),
        ((0.20, 0.15, 0.25), 0.30, (-0.1, -0.15, -0.05), Verdict.PASS),
        ((0.20, 0.15, 0.25), 0.22, (-0.02, -0.06, 0.02), Verdict.BREACH),
        ((0.12, 0.07, 0.17), 0.12, (0.0, 0.0, 0.0), Verdict.INCONCLUSIVE),
    ],
)
def test_the_level_counts_unless_a_standing_harm_clearly_shrinks(
    candidate: tuple[float, float, float],
    champion: float,
    worse: tuple[float, float, float],
    verdict: Verdict,
) -> None:
    """With a gap of 0.1 allowed: new, standing, clearly smaller, perhaps smaller, and not known."""
    spans = Span(*candidate), Span(champion, champion, champion), Span(*worse)
    assert rule_level(*spans, 0.1, rising=True, n=1000).verdict is verdict


def test_nothing_checked_is_no_blessing() -> None:
    """Absence of evidence refuses."""
    assert bless([]).blessed is False


def test_what_blocks_and_what_is_only_told() -> None:
    """Doubt blocks in fairness by one attribute, not in an intersection and not about the rows."""

    def blocks(category: Category, verdict: Verdict, attribute: object = None) -> bool:
        one = Finding(category=category, metric="m", verdict=verdict, reason="r", attribute=attribute)  # type: ignore[arg-type]
        return not bless([one]).blessed

    assert blocks(Category.FAIRNESS, Verdict.NO_DATA, "sex")
    assert not blocks(Category.FAIRNESS, Verdict.INCONCLUSIVE, ("sex", "race"))
    assert blocks(Category.FAIRNESS, Verdict.BREACH, ("sex", "race"))
    assert not blocks(Category.DATA_QUALITY, Verdict.INCONCLUSIVE)
    assert blocks(Category.DATA_QUALITY, Verdict.ERROR)
    assert blocks(Category.PERFORMANCE, Verdict.INCONCLUSIVE)
