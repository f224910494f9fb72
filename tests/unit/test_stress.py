"""The stress test on versions that are good or bad in a known way: no wrong blessing, and no false stop."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.promotion import ModelVersion
from amends.domain.validation import STRESS, bless
from amends.ports import Services
from amends.workflow.remedies.compete import compete
from amends.workflow.remedies.revalidate import revalidate
from amends.workflow.remedy import Candidate
from amends.workflow.rows import labelled_rows
from amends.workflow.stress import Stress, learnt_rows, stress
from amends.workflow.stress_cohorts import Made
from amends.workflow.stress_service import BYTES
from remedy_story import (
    NO_GROUPS,
    REFERENCE,
    SPEC,
    WINDOW,
    logs,
    masked,
    parent,
    people,
    reference_of,
    services,
    serving,
)
from stressed import (
    INPUTS,
    Fitted,
    Model,
    Ticking,
    beyond_one,
    breaks_far_out,
    breaks_on_gaps,
    by_sex,
    jumpy,
    refuses_nulls,
    refuses_unseen,
    remembering,
    shares,
    silent_on_nulls,
    silent_on_unseen,
    sound,
    truth,
)


@dataclass
class World:
    """A log and a registry with a champion; candidates are added as a test wants them."""

    given: Services

    @classmethod
    def of(cls, champion: Any = None, log: pd.DataFrame | None = None) -> "World":
        """A world whose champion is sound unless another is given."""
        rows = logs("healthy") if log is None else log
        return cls(services(rows, model=champion or Model(sound)))

    def version(self, model: Any, **tags: str) -> ModelVersion:
        """Register a candidate."""
        return self.given.registry.register(
            SPEC.name, model, key=f"c{id(model)}", tags=tags, example=people(REFERENCE, 1), metrics={}
        )

    def stressed(self, model: Any, *, tags: Any = None, **asked: Any) -> Stress:
        """Stress a candidate on the window; it says that it was trained on the reference."""
        spec = asked.pop("spec", SPEC)
        rows = labelled_rows(self.given.source, spec, WINDOW)
        return stress(
            self.given, spec, self.version(model, **(tags or {})), parent(self.given), rows,
            reference=reference_of(self.given, spec), **{"trained": REFERENCE, **asked},
        )  # fmt: skip


def found(outcome: Stress, metric: str) -> Finding:
    """The first finding of a metric."""
    return next(one for one in outcome.findings if one.metric == STRESS + metric)


def breaches(outcome: Stress) -> set[str]:
    """Metrics that were breached."""
    return {one.metric.removeprefix(STRESS) for one in outcome.findings if one.is_breach}


GOOD: dict[str, Callable[[], Any]] = {
    "the champion again": lambda: Model(sound),
    "a little bolder": lambda: Model(lambda rows: shares(1.2 * truth(rows))),
    "a little more timid": lambda: Model(lambda rows: shares(0.8 * truth(rows))),
    "two digits": lambda: Model(lambda rows: sound(rows).round(2)),
    "no region among its inputs": lambda: Model(
        lambda rows: sound(rows.assign(region="south")), ("income", "rent", "hours")
    ),
    "a few rows remembered": lambda: Model(remembering(people(REFERENCE, 1).head(100), "repaid")),
}
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "raises on a null": (lambda: Model(refuses_nulls), "unanswered_missing"),
    "answers NaN on a null": (lambda: Model(silent_on_nulls), "unanswered_missing"),
    "answers NaN on a level never seen": (lambda: Model(silent_on_unseen), "unanswered_unseen_level"),
    "raises on a level never seen": (lambda: Model(refuses_unseen), "unanswered_unseen_level"),
    "leaves [0, 1] far out": (lambda: Model(beyond_one), "unanswered_extreme"),
    "turns around where a value is missing": (lambda: Model(breaks_on_gaps), "missing_auc_change"),
    "turns around far out": (lambda: Model(breaks_far_out), "extreme_auc_change"),
    "hangs on noise": (lambda: Model(jumpy), "noise_flips_change"),
    "remembers its training rows": (
        lambda: Model(remembering(people(REFERENCE, 1), "repaid")), "membership_auc",
    ),
    "reads who somebody is": (lambda: Model(sound, (*INPUTS, "sex")), "inputs"),
    "reads the outcome": (lambda: Model(sound, (*INPUTS, "repaid")), "inputs"),
    "reads its own decision": (lambda: Model(sound, (*INPUTS, "decision")), "inputs"),
    "copies a sensitive attribute": (lambda: Model(by_sex, (*INPUTS, "sex")), "score_tells_group"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_candidate_passes_every_check(name: str) -> None:
    """Nothing is found against candidates that are as good as the champion, and none of it stops them."""
    outcome = World.of().stressed(GOOD[name]())
    assert not breaches(outcome)
    assert bless(outcome.findings).blessed


@pytest.mark.parametrize("name", BAD)
def test_a_bad_candidate_is_stopped_by_the_check_that_is_for_it(name: str) -> None:
    """No wrong blessing: the proven fault is named and the findings bless nothing."""
    build, metric = BAD[name]
    outcome = World.of().stressed(build())
    assert metric in breaches(outcome)
    verdict = bless(outcome.findings)
    assert not verdict.blessed
    assert any(STRESS + metric in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("name", "column"),
    [("raises on a null", "income"), ("answers NaN on a null", "hours"), ("leaves [0, 1] far out", "income"),
     ("answers NaN on a level never seen", "region"), ("reads who somebody is", "sex")],
)  # fmt: skip
def test_the_fault_names_its_column(name: str, column: str) -> None:
    """Who has to repair it reads which input it is, and no other."""
    build, metric = BAD[name]
    assert found(World.of().stressed(build()), metric).column == (column,)


def test_the_gate_blesses_the_good_and_stops_the_bad_beside_real_rows() -> None:
    """In a competition the sound one wins; one that cannot score nulls, the champion can, is not blessed."""
    world = World.of()

    def plant(name: str, model: Any) -> Callable[[], Candidate]:
        version = world.version(model)
        return lambda: Candidate(
            version=version, parent="1", rows=1, data="sha256:x", trained=REFERENCE, holdout=WINDOW,
            method=name,
        )  # fmt: skip

    field = compete(
        world.given, NO_GROUPS,
        {"bad": plant("bad", Model(refuses_nulls)), "good": plant("good", Model(sound))},
        champion=parent(world.given), reference=reference_of(world.given), window=WINDOW,
    )  # fmt: skip
    assert [(one.candidate.method, one.validation.blessed) for one in field.ranked] == [
        ("good", True), ("bad", False),
    ]  # fmt: skip
    assert any("stress_unanswered_missing (income)" in reason for reason in field.ranked[1].reasons)
    assert set(field.ranked[0].document()["scoring_seconds"]) == {"champion", "candidate"}


def test_nulls_that_neither_version_takes_and_nobody_saw_are_told() -> None:
    """A team whose models refuse nulls on purpose still gets its remedies; the doubt is written down."""
    outcome = World.of(Model(refuses_nulls)).stressed(Model(refuses_nulls))
    finding = found(outcome, "unanswered_missing")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "the champion's gives none either" in finding.reason
    assert found(outcome, "missing_auc_change").verdict is Verdict.NO_DATA
    assert bless(outcome.findings).blessed


def test_nulls_on_record_have_to_be_answered_whatever_the_champion_does() -> None:
    """Once income is null in a row of the reference, a candidate that refuses it is stopped."""
    log = logs("healthy").copy()
    log.loc[:20, "income"] = np.nan
    outcome = World.of(Model(refuses_nulls), log).stressed(Model(refuses_nulls), trained=None)
    assert found(outcome, "unanswered_missing").is_breach


def test_time_is_judged_by_the_clock_and_only_where_it_is_long() -> None:
    """Ten times slower is stopped at 5 s per 1 000 rows and not at 0.05 s, twice as slow never."""
    for champion, candidate, slow in ((0.5, 5.0, True), (0.005, 0.05, False), (4.0, 8.0, False)):
        clock = Ticking()
        outcome = World.of(Model(clock.slow(champion))).stressed(Model(clock.slow(candidate)), clock=clock)
        assert found(outcome, "scoring_time").is_breach is slow
        assert outcome.seconds == pytest.approx({"champion": champion, "candidate": candidate})


def test_a_measured_time_is_in_no_finding_that_passes() -> None:
    """Two runs that took different times give the same findings, byte for byte."""
    documents = []
    for seconds in (0.01, 0.02):
        clock = Ticking()
        outcome = World.of(Model(clock.slow(seconds))).stressed(Model(clock.slow(seconds)), clock=clock)
        documents.append([one.document() for one in outcome.findings])
    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    ("mine", "theirs", "verdict"),
    [("500000000", "1000000", Verdict.BREACH), ("500000000", "400000000", Verdict.PASS),
     ("50000000", "1000", Verdict.PASS), (None, "1000", Verdict.NO_DATA), ("much", "1000", Verdict.NO_DATA),
     ("500000000", None, Verdict.BREACH)],
)  # fmt: skip
def test_size_is_judged_by_itself_and_beside_the_champion(mine: Any, theirs: Any, verdict: Verdict) -> None:
    """Both limits, 100 MB and ten times, have to be exceeded; an unknown size is no pass."""
    world = World.of()
    world.given.registry.retag(SPEC.name, "1", **{BYTES: theirs or ""})
    outcome = world.stressed(Model(sound), tags={BYTES: mine or ""})
    assert found(outcome, "artefact_bytes").verdict is verdict


def test_inputs_that_people_allowed_or_that_were_always_read_stop_nothing() -> None:
    """Sex allowed by name passes; an undeclared number that the champion reads too is told."""
    with_sex = World.of().stressed(Model(sound, (*INPUTS, "sex")), allowed=("sex",))
    assert found(with_sex, "inputs").verdict is Verdict.PASS
    wide = (*INPUTS, "decision")
    told = found(World.of(Model(sound, wide)).stressed(Model(sound, wide)), "inputs")
    assert (told.verdict, told.column) == (Verdict.INCONCLUSIVE, ("decision",))
    both = World.of(Model(sound, (*INPUTS, "sex"))).stressed(Model(sound, (*INPUTS, "sex")))
    assert found(both, "inputs").category is Category.PRIVACY_LEAK
    assert found(both, "inputs").is_breach


def test_personal_data_in_an_input_is_a_leak() -> None:
    """Regions that are mail addresses are found by the same search as texts are, whoever else reads them."""
    log = logs("healthy").copy()
    log["region"] = [f"p{i % 40}@example.org" for i in range(len(log))]
    outcome = World.of(log=log).stressed(Model(sound), trained=None)
    leak = found(outcome, "input_email_address_share")
    assert leak.is_breach
    assert leak.column == "region"


def test_groups_of_training_rows_under_eleven_are_counted_and_not_named() -> None:
    """Five people of a third sex: told as one group, by no name and no size; nothing about them passes."""
    log = logs("healthy").copy()
    log.loc[log.index[:5], "sex"] = "nonbinary"
    outcome = World.of(log=log).stressed(Model(sound))
    small = found(outcome, "membership_small_groups")
    assert (small.verdict, small.value) == (Verdict.INCONCLUSIVE, 1.0)
    assert "nonbinary" not in str([one.document() for one in outcome.findings])


def test_no_training_rows_is_no_evidence_of_privacy() -> None:
    """A wrapper that was fitted to nobody, and training rows of which few are left, never pass."""
    world = World.of()
    assert found(world.stressed(Model(sound), trained=None), "membership_auc").verdict is Verdict.NO_DATA
    short = replace(REFERENCE, end=REFERENCE.start + (REFERENCE.end - REFERENCE.start) / 100)
    few = found(world.stressed(Model(sound), trained=short), "membership_auc")
    assert few.verdict is Verdict.INCONCLUSIVE


def test_rows_that_are_trained_on_and_judged_on_tell_nothing_of_memory() -> None:
    """Where the training span reaches into the window, its rows there are left out; here none remain."""
    held = people(WINDOW, 2)
    finding = found(World.of().stressed(Model(remembering(held, "repaid")), trained=WINDOW), "membership_auc")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "fewer than 100 rows" in finding.reason


def test_who_had_more_may_lose_more() -> None:
    """A candidate that falls further on rows far out, and still ranks them better, is not held back."""
    blind = Model(lambda rows: shares(np.sin(1000 * rows["income"].fillna(0.0))))
    finding = found(World.of(blind).stressed(Model(breaks_far_out)), "extreme_auc_change")
    assert finding.verdict is Verdict.PASS
    worse = found(World.of().stressed(Model(breaks_far_out)), "extreme_auc_change")
    assert worse.is_breach


def test_a_mask_is_asked_about_the_inputs_it_reads_and_no_others() -> None:
    """Without income it keeps its inputs, and nobody empties or moves the column for it."""
    given = services(logs("broken"))
    field = compete(
        given, SPEC, {"mask": lambda: masked(given)}, champion=parent(given), reference=reference_of(given),
        window=WINDOW,
    )  # fmt: skip
    findings = {one.metric: one for one in field.ranked[0].validation.findings}
    assert findings[f"{STRESS}inputs"].verdict is Verdict.PASS
    assert findings[f"{STRESS}unanswered_missing"].column == ("rent", "hours")
    assert findings[f"{STRESS}membership_auc"].verdict is Verdict.NO_DATA


def test_a_revalidation_stresses_what_serves() -> None:
    """A champion that reads the sex unasked no longer holds, whatever its scores are worth."""
    world = World.of(Model(sound, (*INPUTS, "sex")))
    serving(world.given)
    judged = revalidate(world.given, SPEC, window=WINDOW, reference=reference_of(world.given))
    assert not judged.validation.blessed
    assert any(reason.startswith(f"{STRESS}inputs (sex)") for reason in judged.validation.reasons)


def test_easy_training_rows_are_no_memory() -> None:
    """Where labels became noise, the loss tells old rows from new ones for every model: no breach."""
    log = logs("healthy").copy()
    late = log["at"] >= WINDOW.start
    log.loc[~late, "repaid"] = (truth(log[~late]) > 0).astype(int)
    log.loc[late, "repaid"] = (np.random.default_rng(1).random(late.sum()) < 0.5).astype(int)
    world = World.of(Model(lambda rows: shares(2 * truth(rows))), log)
    finding = found(world.stressed(Model(lambda rows: shares(2.06 * truth(rows)))), "membership_auc")
    assert finding.value is not None
    assert finding.value > 0.7
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "easier" in finding.reason


def test_what_the_champion_remembers_as_well_is_told_and_stops_no_remedy() -> None:
    """A forest in a forest's place remembers other people, and no more of them than the one before did.

    The champion's own training rows say so where its tags name them; else that both were fitted alike. One
    that was fitted otherwise, or a champion that is on record to remember nobody, excuses nothing.
    """
    middle = REFERENCE.start + (REFERENCE.end - REFERENCE.start) / 2
    halves = [people(REFERENCE, 1).head(2000), people(REFERENCE, 1).tail(2000)]
    old, new = (remembering(half, "repaid") for half in halves)
    span = {"amends.trained_from": REFERENCE.start.isoformat(), "amends.trained_until": middle.isoformat()}
    later = replace(REFERENCE, start=middle)
    for champion, candidate, tags, verdict in (
        (Fitted(old, 9), Fitted(new, 9), {}, Verdict.INCONCLUSIVE),
        (Fitted(old, 5), Fitted(new, 9), {}, Verdict.BREACH),
        (Model(old), Model(new), {}, Verdict.BREACH),
        (Model(old), Model(new), span, Verdict.INCONCLUSIVE),
        (Fitted(sound, 9), Fitted(new, 9), span, Verdict.BREACH),
    ):
        world = World.of(champion)
        world.given.registry.retag(SPEC.name, "1", **tags)
        finding = found(world.stressed(candidate, trained=later), "membership_auc")
        assert finding.verdict is verdict, finding.reason
        assert finding.value is not None
        assert finding.value > 0.9


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


def test_what_is_open_on_made_up_rows_stops_nobody_and_a_breach_does() -> None:
    """Doubts of a stress test don't block, whatever their category; a proven harm and an error do."""
    for verdict, blessed in (
        (Verdict.PASS, True), (Verdict.INCONCLUSIVE, True), (Verdict.NO_DATA, True), (Verdict.BREACH, False),
        (Verdict.ERROR, False),
    ):  # fmt: skip
        for category in (Category.PERFORMANCE, Category.PRIVACY_LEAK, Category.FAIRNESS):
            one = Finding(category=category, metric=f"{STRESS}x", verdict=verdict, reason="r")
            assert bless([one]).blessed is blessed
    open_one = Finding(category=Category.PERFORMANCE, metric="auc", verdict=Verdict.INCONCLUSIVE, reason="r")
    assert not bless([open_one]).blessed


def test_the_sample_of_training_rows_is_the_same_however_they_arrive() -> None:
    """Drawn by hash from whichever order of rows, 2 000 of 4 000, and every row is counted by group."""
    straight, turned = (
        learnt_rows(World.of(log=log).given.source, SPEC, REFERENCE)
        for log in (logs("healthy"), logs("healthy").sample(frac=1, random_state=1))
    )
    assert straight is not None
    assert turned is not None
    assert straight.rows.column("id").equals(turned.rows.column("id"))
    assert straight.rows.num_rows == 2000
    assert sum(straight.groups.values()) == 4000
    assert straight.groups == turned.groups


def test_another_task_is_left_alone() -> None:
    """Regression has scores of its own; nothing is said of it here."""
    world = World.of()
    rows = labelled_rows(world.given.source, SPEC, WINDOW)
    spec = replace(SPEC, task="regression")
    outcome = stress(
        world.given, spec, world.version(Model(sound)), parent(world.given), rows,
        reference=reference_of(world.given),
    )  # fmt: skip
    assert outcome.findings == ()
