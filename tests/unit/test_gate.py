"""The validation gate: good and bad candidates beside a champion, on the same rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.validation import WEIGHED, Validation
from amends.workflow.gate import Narrowing, gate
from fake_quality import FakeQuality
from gate_story import POLICY, found, judge, noisy, shifted
from lending import applicants, digested, lending_spec, logit, scored, sigmoid

Scores = Callable[[pd.DataFrame], Any]
GOOD: dict[str, tuple[int, Scores, Scores]] = {
    "an equal candidate": (4000, lambda p: p["truth"], lambda p: p["truth"]),
    "an equal candidate on few but enough rows": (400, lambda p: p["truth"], lambda p: p["truth"]),
    "a candidate that differs by a hair": (6000, lambda p: p["truth"], lambda p: noisy(p, 0.05)),
    "a better candidate": (
        4000, lambda p: sigmoid(1.1 * p["income"] + 0.6 * (p["miles"] - 3)),
        lambda p: sigmoid(1.1 * p["income"]),
    ),
    "a candidate that takes a champion's new gap away": (
        4000, lambda p: shifted(p, "f", -0.2), lambda p: p["truth"],
    ),
    "a candidate that recalibrates": (4000, lambda p: sigmoid(3 * logit(p["truth"])), lambda p: p["truth"]),
    "a candidate bolder than a timid champion": (
        4000, lambda p: sigmoid(0.3 * logit(p["truth"])), lambda p: p["truth"],
    ),
    "a candidate that is right where the champion scores too high": (
        4000, lambda p: sigmoid(logit(p["truth"]) + 1), lambda p: p["truth"],
    ),
    "a candidate that is right where the champion scores too low": (
        4000, lambda p: sigmoid(logit(p["truth"]) - 1), lambda p: p["truth"],
    ),
    "a candidate of two digits": (4000, lambda p: p["truth"], lambda p: p["truth"].round(2)),
    "a candidate of twenty levels": (6000, lambda p: p["truth"], lambda p: (p["truth"] * 20).round() / 20),
    "a candidate that takes a small gap away": (
        6000, lambda p: shifted(p, "m", -0.08), lambda p: p["truth"],
    ),
    "an equal candidate on many rows": (20000, lambda p: p["truth"], lambda p: p["truth"]),
    "a candidate that is a little better": (8000, lambda p: noisy(p, 0.4), lambda p: p["truth"]),
}  # fmt: skip
BAD: dict[str, tuple[int, Scores, Scores, str]] = {
    "a worse ranking": (4000, lambda p: p["truth"], lambda p: noisy(p, 1.5), "auc_change"),
    "a random candidate": (4000, lambda p: p["truth"], lambda p: sigmoid(p["noise"]), "auc"),
    "an inverted candidate": (4000, lambda p: p["truth"], lambda p: 1 - p["truth"], "auc"),
    "a better ranking with a new group gap": (
        4000, lambda p: noisy(p, 1.0), lambda p: shifted(p, "f", -0.15), "selection_rate_ratio",
    ),
    "scores too timid, order kept": (
        4000, lambda p: p["truth"], lambda p: sigmoid(0.3 * logit(p["truth"])), "calibration_error_change",
    ),
    "scores too extreme, order kept": (
        4000, lambda p: p["truth"], lambda p: sigmoid(4 * logit(p["truth"])), "brier_score_change",
    ),
    "scores too high for everybody": (
        4000, lambda p: p["truth"], lambda p: sigmoid(logit(p["truth"]) + 1), "calibration_error",
    ),
    "scores too low for everybody": (
        4000, lambda p: p["truth"], lambda p: sigmoid(logit(p["truth"]) - 1), "calibration_error",
    ),
    "decisions in the place of scores": (
        4000, lambda p: p["truth"], lambda p: (p["truth"] >= 0.5).astype(float), "brier_score_change",
    ),
    "a third of the rows scored as somebody else's": (
        4000, lambda p: p["truth"],
        lambda p: np.where(p.index % 3, p["truth"], p["truth"].sample(frac=1, random_state=1)), "auc_change",
    ),
    "everybody approved": (
        4000, lambda p: p["truth"], lambda p: 0.9 + p["truth"] / 20, "balanced_accuracy_change",
    ),
    "nobody approved": (4000, lambda p: p["truth"], lambda p: p["truth"] / 20, "balanced_accuracy_change"),
    "a new gap at the cost of men": (
        4000, lambda p: p["truth"], lambda p: shifted(p, "m", -0.2), "selection_rate_ratio",
    ),
    "a new gap by favours": (
        4000, lambda p: p["truth"], lambda p: shifted(p, "f", 0.3), "selection_rate_ratio",
    ),
    "a new gap in errors": (
        6000, lambda p: p["truth"], lambda p: np.where(p["sex"] == "f", sigmoid(p["noise"]), p["truth"]),
        "auc_change",
    ),
    "one group scored by a constant": (
        4000, lambda p: p["truth"], lambda p: np.where(p["sex"] == "f", 0.4, p["truth"]),
        "selection_rate_ratio",
    ),
    "scores in percent": (4000, lambda p: p["truth"], lambda p: p["truth"] / 100, "calibration_error"),
    "a constant candidate": (4000, lambda p: p["truth"], lambda p: np.full(len(p), 0.5), "auc"),
    "a candidate with holes": (
        4000, lambda p: p["truth"], lambda p: np.where(p.index % 50, p["truth"], np.nan),
        "candidate_unscored_share",
    ),
    "a standing disparity, not worsened": (
        4000, lambda p: shifted(p, "f", -0.2), lambda p: shifted(p, "f", -0.2), "selection_rate_ratio",
    ),
}  # fmt: skip


def test_the_table_is_large_enough_to_mean_something() -> None:
    """Thirty candidates that are good or bad in a known way, and more bad ones than good."""
    assert len(GOOD) + len(BAD) >= 30
    assert len(BAD) > len(GOOD)


def test_what_a_mitigation_is_not_for_is_for_people_to_weigh() -> None:
    """A gap by region that stays is told to those who approve; the gap by sex, the aim, has to go."""
    spec = lending_spec(columns={"sensitive": ["sex", "region"]})
    people = applicants(6000)
    by_region = np.where(people["region"] == "north", people["truth"] - 0.2, people["truth"])
    champion = scored(people, np.where(people["sex"] == "f", by_region - 0.15, by_region))
    candidate = scored(people, by_region)

    def judged(narrowing: Narrowing | None) -> Validation:
        return gate(
            spec, POLICY, FakeQuality(), reference=digested(spec, champion), champion=champion,
            candidate=candidate, narrowing=narrowing,
        )  # fmt: skip

    told = judged(Narrowing(("selection_rate_ratio",), "sex"))
    assert told.blessed
    gap = "false_positive_rate_difference"
    assert any(line.startswith(f"{WEIGHED}: {gap} (region)") for line in told.reasons)
    for narrowing in (None, Narrowing((gap,), "region")):
        other = judged(narrowing)
        assert not other.blessed
        assert any(line.startswith(f"{gap} (region)") for line in other.reasons)


def test_an_undecided_calibration_error_is_no_obstacle_to_clearly_better_scores() -> None:
    """Few rows cannot tell the error of ten bins; a Brier score that is clearly better counts for it."""
    people = applicants(1500)
    verdict = judge(scored(people, noisy(people, 1.5)), scored(people, people["truth"]))
    change = next(one for one in verdict.findings if one.metric == "calibration_error_change")
    assert change.verdict is Verdict.PASS


@pytest.mark.parametrize("name", GOOD)
def test_a_good_candidate_is_blessed(name: str) -> None:
    """Candidates that an expert would pass are blessed, and the document says on what."""
    rows, champion, candidate = GOOD[name]
    people = applicants(rows)
    verdict = judge(scored(people, champion(people)), scored(people, candidate(people)))
    assert verdict.blessed, verdict.reasons
    assert verdict.labelled == rows


@pytest.mark.parametrize("name", BAD)
def test_a_bad_candidate_is_not_blessed(name: str) -> None:
    """Candidates that an expert would send back are refused, on a proven breach of the right measure."""
    rows, champion, candidate, metric = BAD[name]
    people = applicants(rows)
    verdict = judge(scored(people, champion(people)), scored(people, candidate(people)))
    assert not verdict.blessed
    assert metric in {one.metric for one in verdict.findings if one.is_breach}
    assert any(reason.startswith(metric) for reason in verdict.reasons)


def test_tiny_evidence_is_no_blessing_and_says_how_much_would_do() -> None:
    """Sixty rows bless nobody, not even an equal candidate; the reason names the number of rows."""
    people = applicants(60)
    verdict = judge(scored(people, people["truth"]), scored(people, people["truth"]))
    assert not verdict.blessed
    assert any("200 rows would do" in reason for reason in verdict.reasons)


def test_a_candidate_that_might_be_worse_is_told_how_many_rows_would_tell() -> None:
    """A wide interval is inconclusive, not a pass: the reason gives an estimate of the rows needed."""
    people = applicants(300)
    verdict = judge(scored(people, noisy(people, 0.5, 3)), scored(people, noisy(people, 0.5, 4)))
    change = found(verdict, "auc_change")
    assert not verdict.blessed
    assert change.verdict is Verdict.INCONCLUSIVE
    assert "rows do not tell, about" in change.reason


def test_no_group_large_enough_is_no_proof_of_fairness() -> None:
    """Where only one group can be judged, fairness is unknown, and unknown is not blessed."""
    people = applicants(2000).assign(sex=lambda p: np.where(p.index < 40, "f", "m"))
    verdict = judge(scored(people, people["truth"]), scored(people, people["truth"]))
    assert found(verdict, "selection_rate_ratio", "sex").verdict is Verdict.NO_DATA
    assert not verdict.blessed
    assert any("too few rows to judge: f" in reason for reason in verdict.reasons)


def test_a_group_under_eleven_rows_is_not_named_and_no_difference_tells_its_size() -> None:
    """Five people of a third group: left out without a name, and the rows told are those of all."""
    people = applicants(3000).assign(sex=lambda p: np.where(p.index < 5, "hermit", p["sex"]))
    verdict = judge(scored(people, people["truth"]), scored(people, people["truth"]))
    ratio = found(verdict, "selection_rate_ratio", "sex")
    assert ratio.n == 3000
    assert "too few rows to judge: (under 11 rows)" in ratio.reason
    assert "hermit" not in str(verdict.document())


def test_a_standing_disparity_that_clearly_shrinks_is_blessed_and_told() -> None:
    """Keeping the worse champion would help nobody: it passes, and approvers read that the limit breaks."""
    people = applicants(8000)
    champion, candidate = shifted(people, "f", -0.3), shifted(people, "f", -0.16)
    verdict = judge(scored(people, champion), scored(people, candidate))
    ratio = found(verdict, "selection_rate_ratio", "sex")
    assert ratio.value is not None
    assert ratio.value < 0.8
    assert ratio.verdict is Verdict.PASS
    assert any("standing" in reason for reason in verdict.reasons if "selection_rate_ratio" in reason)


def test_a_standing_disparity_is_said_to_stand() -> None:
    """The change limit does not blame the candidate for a gap of the champion; the absolute limit says so."""
    people = applicants(4000)
    scores = shifted(people, "f", -0.2)
    verdict = judge(scored(people, scores), scored(people, scores))
    assert found(verdict, "selection_rate_ratio_change", "sex").verdict is Verdict.PASS
    assert "The champion is beyond it, too." in found(verdict, "selection_rate_ratio", "sex").reason


def test_a_finding_carries_champion_candidate_limit_and_interval() -> None:
    """The numbers of a finding share one unit: the change limit lies 0.02 below the champion's AUC."""
    people = applicants(3000)
    verdict = judge(scored(people, people["truth"]), scored(people, noisy(people, 0.3)))
    one = found(verdict, "auc_change")
    assert one.value is not None
    assert one.reference_value is not None
    assert one.interval is not None
    assert one.threshold == pytest.approx(one.reference_value - 0.02)
    assert one.interval[0] <= one.value <= one.interval[1]
    assert one.n == 3000


def test_an_intersection_blocks_on_proven_harm_only() -> None:
    """A harm to one cell of sex and region is found though each attribute alone looks fair on the average."""
    spec = lending_spec(columns={"sensitive": ["sex", "region"]})
    people = applicants(9000)
    harmed = (people["sex"] == "f") & (people["region"] == "north")
    helped = (people["sex"] == "m") & (people["region"] == "north")
    scores = people["truth"] - 0.15 * harmed + 0.15 * helped
    verdict = judge(scored(people, people["truth"]), scored(people, scores), spec=spec)
    assert found(verdict, "selection_rate_ratio_change", ("sex", "region")).is_breach
    clean = judge(scored(people, people["truth"]), scored(people, people["truth"]), spec=spec)
    assert clean.blessed, clean.reasons


def test_favourable_zero_turns_the_selection_rate() -> None:
    """Where label 0 is good for the person, the rate of decision 0 is compared: 3 of 4 against 1 of 4."""
    spec = lending_spec(favourable_label=0)
    people = applicants(800).assign(sex=["f", "m"] * 400, label=[0, 0, 1, 1] * 200)
    scores = np.array([0.2, 0.8] * 400)
    scores[0::8], scores[1::8] = 0.8, 0.2
    verdict = judge(scored(people, scores), scored(people, scores), spec=spec)
    ratio = found(verdict, "selection_rate_ratio", "sex")
    assert ratio.value == pytest.approx(1 / 3)
    assert ratio.groups == ("m", "f")


def test_no_favourable_label_means_no_fairness_findings() -> None:
    """A model that decides about no person is not judged on fairness."""
    spec = lending_spec(favourable_label=None)
    people = applicants(1000)
    verdict = judge(scored(people, people["truth"]), scored(people, people["truth"]), spec=spec)
    assert Category.FAIRNESS not in {one.category for one in verdict.findings}
    assert verdict.blessed


def test_a_quality_breach_of_the_rows_blocks_and_a_doubt_does_not() -> None:
    """Rows that cannot be believed judge nobody; volume says nothing about rows that were chosen."""
    people = applicants(2000)
    table = scored(people, people["truth"])

    def with_quality(metric: str, verdict: Verdict) -> bool:
        one = Finding(category=Category.DATA_QUALITY, metric=metric, verdict=verdict, reason="told")
        return judge(table, table, quality=FakeQuality((one,))).blessed

    assert not with_quality("unit_factor", Verdict.BREACH)
    assert with_quality("unit_factor", Verdict.INCONCLUSIVE)
    assert with_quality("volume_ratio", Verdict.BREACH)
