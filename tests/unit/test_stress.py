"""The stress test on versions that are good or bad in a known way: no wrong blessing, and no false stop."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.validation import STRESS, bless
from amends.workflow.remedies.compete import compete
from amends.workflow.remedies.revalidate import revalidate
from amends.workflow.remedy import Candidate
from amends.workflow.rows import labelled_rows
from amends.workflow.stress import stress
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
    Model,
    Ticking,
    World,
    beyond_one,
    breaches,
    breaks_far_out,
    breaks_on_gaps,
    by_sex,
    found,
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
