"""What the stress test says of memory and leaks: of whom a version was trained on, and what it reads."""

from dataclasses import replace

import numpy as np
from amends.domain.findings import Verdict
from amends.workflow.stress import learnt_rows
from remedy_story import (
    REFERENCE,
    SPEC,
    WINDOW,
    logs,
    people,
)
from stressed import (
    Fitted,
    Model,
    World,
    found,
    remembering,
    shares,
    sound,
    truth,
)


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
