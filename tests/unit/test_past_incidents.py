"""The regression suite: what went wrong before does not pass again, and what old rows cannot show is told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from amends.domain.events import EventKind
from amends.domain.findings import Category, Verdict
from amends.domain.promotion import Move
from amends.domain.window import Window
from amends.errors import ArtefactError, Unavailable
from amends.ports import Services
from amends.workflow.gate import Narrowing
from amends.workflow.past_incidents import replay_incidents
from amends.workflow.promote import promote
from amends.workflow.remedies.compete import compete
from amends.workflow.remedies.revalidate import revalidate
from amends.workflow.remedy import Candidate
from fake_source import FakeSource
from lending import digested
from past_story import (
    GAP,
    NAME,
    NULLS,
    POLICY,
    RANKING,
    ROWS,
    SPEC,
    Score,
    biased,
    blessed,
    fair,
    fragile,
    happened,
    past,
    people,
    replayed,
    served,
    strict,
    unranked,
    version,
    week,
    world,
)

__all__ = ["past"]  # a fixture by name


def test_a_candidate_that_repeats_the_old_bias_is_not_blessed(past: tuple[Services, str, str]) -> None:
    """On today's rows it is as good as the champion; on those of then women are scored low again."""
    given, gap, _ = past
    verdict = blessed(given, biased)
    (again,) = (one for one in verdict.findings if one.is_breach)

    assert not verdict.blessed
    assert (again.metric, again.category, again.attribute) == (
        "selection_rate_ratio_again", Category.FAIRNESS, "sex",
    )  # fmt: skip
    assert again.reason.startswith(f"incident {gap} of 2026-03-01 (fairness: selection rate ratio (sex)): ")
    assert "the fault is back" in again.reason
    assert any(reason.startswith("selection_rate_ratio_again (sex)") for reason in verdict.reasons)


def test_a_candidate_that_learnt_from_the_past_is_blessed(past: tuple[Services, str, str]) -> None:
    """No gap on the rows of the first incident, scores for all rows of the second."""
    given, gap, nulls = past
    verdict = blessed(given, fair)
    again = [one for one in verdict.findings if one.metric.endswith("_again")]

    assert verdict.blessed, verdict.reasons
    assert {one.verdict for one in again} == {Verdict.PASS}
    assert {one.reason.split()[1] for one in again} == {gap, nulls}
    ratio = next(one for one in again if one.metric.startswith("selection_rate_ratio"))
    rates = served(1, fair).groupby("sex")["decision"].mean()
    assert ratio.value == pytest.approx(rates.min() / rates.max())


@pytest.mark.parametrize(("score", "said"), [(fragile, "100.0% of 2000 rows"), (strict, "ValueError")])
def test_a_candidate_that_fails_on_the_old_rows_is_not_blessed(
    past: tuple[Services, str, str], score: Score, said: str
) -> None:
    """Missing scores and exceptions are both a breach; nothing of the rows stands in the reason."""
    given, _, nulls = past
    verdict = blessed(given, score)
    (again,) = (one for one in verdict.findings if one.is_breach)
    assert not verdict.blessed
    assert again.metric == "unusable_scores_again"
    assert nulls in again.reason
    assert said in again.reason


def test_a_mask_may_not_lose_more_than_what_served_then() -> None:
    """On rows with broken data a candidate that ranks worse than the version of then is a breach."""
    given = world(served(1, fair, broken=True))
    happened(given, 1, NULLS)
    good, bad = replayed(given, fair), replayed(given, unranked)
    assert [one.verdict for one in good] == [Verdict.PASS, Verdict.PASS]
    assert [(one.metric, one.verdict) for one in bad][1] == ("auc_again", Verdict.BREACH)


def test_a_lost_ranking_may_not_be_lost_again() -> None:
    """An incident of AUC 0.75 before and a limit of 0.03: under 0.72 a candidate has to be clearly better."""
    from sklearn.metrics import roc_auc_score

    given = world(served(1, unranked))
    happened(given, 1, replace(RANKING, reference_value=0.75))
    again = {score.__name__: replayed(given, score)[-1] for score in (unranked, fair)}
    rows = people(1)
    assert again["unranked"].verdict is Verdict.BREACH
    assert again["unranked"].value == pytest.approx(roc_auc_score(rows["label"], unranked(rows)), abs=1e-3)
    assert again["fair"].verdict is Verdict.PASS
    assert again["fair"].threshold == pytest.approx(0.75 - POLICY.limit("performance.auc_drop"))


def test_a_world_that_is_gone_is_told_and_does_not_block() -> None:
    """Outcomes turned round since: what serves well today fails on the old rows, and so may its remedy."""
    given = world(served(1, unranked))
    old = happened(given, 1, RANKING)
    serving, good = version(given, unranked), version(given, fair)
    (_, excused) = replayed(given, unranked, beside=serving)
    assert excused.verdict is Verdict.INCONCLUSIVE
    assert f"version {serving.version}, which serves now, is as bad there" in excused.reason
    assert replayed(given, unranked, beside=good)[-1].verdict is Verdict.BREACH
    assert replayed(given, unranked, beside=serving, at_hand=old)[-1].verdict is Verdict.BREACH


def test_a_gap_between_groups_is_no_sign_of_its_time(past: tuple[Services, str, str]) -> None:
    """What serves now may repeat the old bias: a candidate may not."""
    given, *_ = past
    serving = version(given, biased)
    again = [one for one in replayed(given, biased, beside=serving) if one.category is Category.FAIRNESS]
    assert [one.verdict for one in again] == [Verdict.BREACH]


def test_labels_that_came_later_are_joined() -> None:
    """What was frozen without labels is judged with those that the log has now."""
    early = served(1, unranked).assign(label=pd.array([None] * ROWS, dtype="Int64"))
    given = world(early)
    happened(given, 1, RANKING)
    assert replayed(given, unranked)[-1].verdict is Verdict.NO_DATA

    later = replace(given, source=FakeSource(served(1, unranked).sample(frac=1, random_state=1)))
    assert replayed(later, unranked)[-1].verdict is Verdict.BREACH


def test_what_old_rows_cannot_show_is_told_and_does_not_block() -> None:
    """Forgotten rows, lost columns and tiny groups are no data: the reasons say so, the blessing stands."""
    given = world(served(1, biased))
    incident = happened(given, 1, GAP)
    for rows, said in (
        ([], "no longer kept"),
        ([pa.record_batch({"id": ["a"]})], "no column 'at'"),
        (given.ledger.frozen[incident][0].slice(0, 150), "groups are too small"),  # type: ignore[attr-defined]
    ):
        given.ledger.frozen[incident] = rows if isinstance(rows, list) else [rows]  # type: ignore[attr-defined]
        verdict = blessed(given, biased)
        assert verdict.blessed
        assert any(said in reason and incident in reason for reason in verdict.reasons), verdict.reasons


def test_the_suite_is_bounded_and_the_same_each_time() -> None:
    """The newest incidents come first, rows are capped by their ids, and the bytes are equal."""
    given = world(*(served(number, biased) for number in range(1, 5)))
    names = [happened(given, number, GAP) for number in range(1, 5)]
    limits = {"gate.past_incidents": 2, "gate.past_rows": 500}
    spec = replace(SPEC, policy={"limits": limits})
    one = version(given, biased)
    first, again = (replay_incidents(given, spec, one) for _ in range(2))
    assert first == again
    assert [finding.reason.split()[1] for finding in first[::2]] == [names[3], names[2]]
    assert {finding.n for finding in first} == {500}


def test_rows_that_a_candidate_learnt_from_speak_last() -> None:
    """Rows outside its training count where they are enough; else all do, and the reason says so."""
    given = world(served(1, biased))
    happened(given, 1, GAP)
    half = Window(NAME, week(1).start, week(1).start + timedelta(minutes=ROWS // 2))
    part, whole = (replayed(given, biased, trained=one)[-1] for one in (half, week(1)))
    assert (part.n, whole.n) == (ROWS // 2, ROWS)
    assert "trained on these rows" in whole.reason
    assert "trained on these rows" not in part.reason


def test_an_incident_without_rows_and_another_models_are_left_out() -> None:
    """What no window showed has nothing to replay; a model's past is its own."""
    given = world(served(1, biased))
    incident = happened(given, 1, GAP)
    event = given.ledger.events(incident=incident, kinds=[EventKind.EVIDENCE_FROZEN])[0]
    assert event.payload["rows"] == ROWS
    assert replay_incidents(given, replace(SPEC, name="other"), version(given, biased)) == ()


def test_a_service_or_an_artefact_that_fails_is_no_verdict(past: tuple[Services, str, str]) -> None:
    """A registry that is down, or an altered artefact, ends the step; it is tried again."""
    given, *_ = past
    one = version(given, fair)
    registry: Any = given.registry
    registry.down = True
    with pytest.raises(Unavailable):
        replay_incidents(given, SPEC, one)
    registry.down = False
    registry.alter(NAME, one.version)
    with pytest.raises(ArtefactError):
        replay_incidents(given, SPEC, one)


def test_people_weigh_an_old_gap_that_a_mitigation_is_not_for(past: tuple[Services, str, str]) -> None:
    """For the aim itself the past blocks; another gap of old is told to those who approve."""
    given, *_ = past
    assert not blessed(given, biased, Narrowing(("selection_rate_ratio",), "sex")).blessed
    other = blessed(given, biased, Narrowing(("true_positive_rate_difference",), "sex"))
    assert other.blessed
    assert any("for people to weigh: selection_rate_ratio_again" in reason for reason in other.reasons)


def test_competition_and_revalidation_replay_the_past(past: tuple[Services, str, str]) -> None:
    """Both call the suite: the biased candidate loses to the fair one, and does not stand as champion."""
    given, *_ = past
    log = pd.concat([served(1, biased), served(9, fair)], ignore_index=True)
    given = replace(given, source=FakeSource(log))
    champion = version(given, fair)
    table = pa.Table.from_pandas(served(9, fair), preserve_index=False)

    def made(score: Score) -> Callable[[], Candidate]:
        one = version(given, score)
        return lambda: Candidate(version=one, parent="1", rows=1, data="sha256:x", trained=week(7),
                                 holdout=week(9), method=score.__name__)  # fmt: skip

    reference = digested(SPEC, table)
    alone = replace(SPEC, favourable_label=None)
    found = compete(given, SPEC, {one.__name__: made(one) for one in (biased, fair)}, champion=champion,
                    reference=reference, window=week(9))  # fmt: skip
    assert [one.candidate.method for one in found.ranked] == ["fair", "biased"]
    metrics = {one.metric for standing in found.ranked for one in standing.validation.findings}
    assert {"selection_rate_ratio_again", "unusable_scores_again"} <= metrics
    promote(given.ledger, given.registry, Move(key="serve", model=NAME, version=champion.version,
            digest=champion.digest, seen_epoch=0, reason="bootstrap"))  # fmt: skip
    judged = revalidate(given, alone, window=week(9), reference=reference)
    assert any(one.metric.endswith("_again") for one in judged.validation.findings)
