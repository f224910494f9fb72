"""The regression suite: what went wrong before does not pass again, and what old rows cannot show is told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.noninferiority import Span, rule_again
from amends.domain.promotion import ModelVersion, Move
from amends.domain.window import Window
from amends.errors import ArtefactError, Unavailable
from amends.ports import Services
from amends.workflow.freeze import freeze
from amends.workflow.gate import Narrowing, gate
from amends.workflow.past_faults import Fault, judge_again
from amends.workflow.past_incidents import replay_incidents
from amends.workflow.promote import promote
from amends.workflow.remedies.compete import compete
from amends.workflow.remedies.revalidate import revalidate
from amends.workflow.remedy import Candidate
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger
from lending import applicants, digested, lending_spec, logit, scored, sigmoid

SPEC = lending_spec()
NAME, START = SPEC.name, datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 2000
POLICY = load_policy()
Score = Callable[[pd.DataFrame], Any]


class Model:
    """Scores rows by a function of its own."""

    def __init__(self, score: Score) -> None:
        self._score = score

    def predict(self, rows: pd.DataFrame) -> Any:
        """One score a row."""
        return np.asarray(self._score(rows), dtype=float)


class Judged:
    """A quality gate that finds nothing."""

    def check(self, *_: Any) -> tuple[()]:
        """Nothing."""
        return ()


def fair(rows: pd.DataFrame) -> Any:
    """Good scores, for everybody alike."""
    return sigmoid(1.2 * rows["income"])


def biased(rows: pd.DataFrame) -> Any:
    """The same for men; women score far lower."""
    return np.where(rows["sex"] == "f", 0.6 * fair(rows), fair(rows))


def unranked(rows: pd.DataFrame) -> Any:
    """Scores of income turned round."""
    return sigmoid(-1.2 * rows["income"])


def fragile(rows: pd.DataFrame) -> Any:
    """Good scores, but miles that are missing make the score missing, too."""
    return fair(rows) + 0 * rows["miles"]


def strict(rows: pd.DataFrame) -> Any:
    """An estimator that refuses what is missing."""
    if rows["miles"].isna().any():
        raise ValueError("Input contains NaN")
    return fair(rows)


def week(number: int) -> Window:
    """The window of a week; its rows come minute by minute."""
    start = START + timedelta(weeks=number)
    return Window(NAME, start, start + timedelta(weeks=1))


def people(number: int) -> pd.DataFrame:
    """The applicants of a week."""
    drawn = applicants(ROWS, seed=number + 1)
    return drawn.assign(at=pd.date_range(week(number).start, periods=ROWS, freq="min"))


def served(number: int, score: Score, broken: bool = False) -> pd.DataFrame:
    """A week's rows as they were served."""
    rows = people(number)
    if broken:
        rows = rows.assign(miles=np.nan)
    with np.errstate(invalid="ignore"):
        return scored(rows, np.nan_to_num(np.asarray(score(rows), dtype=float), nan=0.5)).to_pandas()


def world(*logs: pd.DataFrame) -> Services:
    """A model without a history, over a log."""
    nothing: Any = None
    return Services(
        ledger=FakeLedger(), registry=FakeRegistry(), source=FakeSource(pd.concat(logs, ignore_index=True)),
        quality=Judged(), fairness=nothing, reporter=nothing, trainer=nothing, imputer=nothing,
        mitigator=nothing, policy=POLICY,
    )  # fmt: skip


def lead(category: Category, metric: str, **facts: Any) -> Finding:
    """A breach that an incident is opened on."""
    facts = {"value": 0.5, "reference_value": 0.85, "threshold": 0.03, **facts}
    return Finding(category=category, metric=metric, verdict=Verdict.BREACH, reason="said then", **facts)


GAP = lead(Category.FAIRNESS, "selection_rate_ratio", attribute="sex", threshold=0.8)
RANKING = lead(Category.PERFORMANCE, "auc")
NULLS = lead(Category.DATA_QUALITY, "null_share", column="miles")


def happened(given: Services, number: int, finding: Finding) -> str:
    """An incident of a week, frozen and over."""
    incident = f"{NAME}-2026010{number}-0a1b2c3d"
    call = {
        "category": str(finding.category), "categories": [str(finding.category)], "severity": "SEV2",
        "playbook": "retrain", "playbooks": ["retrain"], "because": ["rule"],
    }  # fmt: skip
    evidence = given.ledger.put_evidence("assessment", {"findings": [finding.document()], "n": number})
    payload = {"window": week(number).document(), "assessment": evidence, "call": call}
    told(given, incident, EventKind.INCIDENT_OPENED, payload)
    freeze(given, SPEC, incident)
    told(given, incident, EventKind.INCIDENT_CLOSED, {"reason": "over"})
    return incident


def told(given: Services, incident: str, kind: EventKind, payload: Any) -> None:
    """Append an event of an incident."""
    event = NewEvent(kind=kind, key=f"{kind}:{incident}", model=NAME, incident=incident, payload=payload)
    with given.ledger.transaction(NAME) as ledger:
        ledger.append(event)


def version(given: Services, score: Score) -> ModelVersion:
    """Register a model."""
    key = f"{score.__name__}:{len(given.registry.versions(NAME))}"
    return given.registry.register(NAME, Model(score), key=key, tags={}, example=people(0), metrics={})


def replayed(given: Services, score: Score, **more: Any) -> tuple[Finding, ...]:
    """Replay the past against a model."""
    return replay_incidents(given, SPEC, version(given, score), **more)


def blessed(given: Services, score: Score, narrowing: Narrowing | None = None) -> Any:
    """What the gate says of a model beside an equal champion, with the past weighed in."""
    now = people(9)
    table = scored(now, fair(now))
    return gate(
        SPEC, POLICY, Judged(), reference=digested(SPEC, table), champion=table, candidate=table,
        further=replayed(given, score), narrowing=narrowing,
    )  # fmt: skip


@pytest.fixture
def past() -> tuple[Services, str, str]:
    """A model with two past incidents: women were scored low, then miles were missing."""
    given = world(served(1, biased), served(2, fragile, broken=True))
    return given, happened(given, 1, GAP), happened(given, 2, NULLS)


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


def span(value: float, width: float = 0.02) -> Span:
    """A value with an interval."""
    return Span(value, value - width, value + width)


@pytest.mark.parametrize(
    ("candidate", "then", "worse", "expected"),
    [
        (span(0.85), span(0.5), span(-0.35), Verdict.PASS),  # within the limit
        (span(0.70), span(0.5), span(-0.20), Verdict.PASS),  # beyond it, clearly better than then
        (span(0.50), span(0.5), span(0.0), Verdict.BREACH),  # as bad as then
        (span(0.79), span(0.76), span(-0.01), Verdict.BREACH),  # open by itself, proven for then
        (span(0.79), span(0.79), span(0.0), Verdict.INCONCLUSIVE),  # proven for neither
        (Span(float("nan"), 0, 1), span(0.5), span(0.0), Verdict.INCONCLUSIVE),  # no number is no pass
    ],
)
def test_as_bad_as_then_is_ruled_by_hand(candidate: Span, then: Span, worse: Span, expected: Verdict) -> None:
    """A ratio with the limit 0.8, in the cases that there are."""
    assert rule_again(candidate, then, worse, 0.8, rising=False).verdict is expected


def test_the_log_odds_of_the_story_are_what_they_seem() -> None:
    """The fair model's scores follow income alone: its log odds are 1.2 times the income."""
    rows = people(1)
    assert np.allclose(logit(fair(rows)), 1.2 * rows["income"])


B, M, R = "binary_classification", "multiclass_classification", "regression"


@pytest.mark.parametrize(
    ("category", "metric", "task", "expected"),
    [
        (Category.PERFORMANCE, "auc_floor", B, "auc"),
        (Category.PERFORMANCE, "log_loss", B, "brier_score"),
        (Category.PERFORMANCE, "accuracy", B, "balanced_accuracy"),
        (Category.PERFORMANCE, "accuracy", M, "accuracy"),
        (Category.PERFORMANCE, "worst_slice_absolute_error", R, "mean_absolute_error"),
        (Category.CALIBRATION_DRIFT, "calibration_slope", B, "calibration_error"),
        (Category.CALIBRATION_DRIFT, "bias", R, "bias"),
        (Category.FAIRNESS, "selection_rate_gap_change", B, "selection_rate_ratio"),
        (Category.FAIRNESS, "false_negative_rate_difference", B, "true_positive_rate_difference"),
        (Category.FAIRNESS, "mean_absolute_error_gap_change", R, "mean_absolute_error_difference"),
        (Category.FAIRNESS, "precision_difference", B, None),
        (Category.DATA_DRIFT, "psi", B, None),
    ],
)
def test_a_fault_is_measured_by_its_kind(
    category: Category, metric: str, task: str, expected: str | None
) -> None:
    """The monitor's measure has one of its kind that compares two versions; a fault of the data has none."""
    fault = Fault(category=category, lead=lead(category, metric))
    assert fault.measure(replace(SPEC, task=task)) == expected
    assert Fault(category=category, lead=None).measure(SPEC) is None


def test_the_limit_of_then_is_the_reference_of_the_same_measure() -> None:
    """Log-loss opened it: scores are compared by Brier score, from the Brier score of the reference."""
    table = scored(people(1), fair(people(1)))
    findings = (
        lead(Category.PERFORMANCE, "log_loss", reference_value=0.9),
        lead(Category.PERFORMANCE, "brier_score", reference_value=0.16, groups=("2",)),
        lead(Category.PERFORMANCE, "brier_score", reference_value=0.15),
    )
    fault = Fault(category=Category.PERFORMANCE, lead=findings[0], findings=findings)
    again = judge_again(SPEC, POLICY, fault, table, table)
    assert again is not None
    assert again.threshold == pytest.approx(0.15 + 0.03)
    assert judge_again(SPEC, POLICY, replace(fault, findings=findings[:1]), table, table) is None


def test_errors_of_a_regression_may_not_return() -> None:
    """A reference error of 1 tolerates 1.2: twice that again is a breach, half of then is none."""
    spec = replace(SPEC, task="regression", favourable_label=None)
    rows = people(1).drop(columns=["truth", "noise"])
    noise = np.random.default_rng(4).normal(0, 3, ROWS)

    def said(size: float) -> pa.Table:
        wrong = rows["label"] + size * noise
        return pa.Table.from_pandas(rows.assign(score=wrong, decision=wrong), preserve_index=False)

    one = lead(Category.PERFORMANCE, "mean_absolute_error", reference_value=1.0)
    fault = Fault(category=Category.PERFORMANCE, lead=one, findings=(one,))
    verdicts = [judge_again(spec, POLICY, fault, said(1), said(size)) for size in (1, 0.5, 0.1)]
    assert [found.verdict for found in verdicts if found] == [Verdict.BREACH, Verdict.PASS, Verdict.PASS]
    assert verdicts[0] is not None
    assert verdicts[0].threshold == pytest.approx(1.2)
    assert verdicts[0].value == pytest.approx(np.abs(noise).mean())
