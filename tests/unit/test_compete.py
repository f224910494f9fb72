"""Remedies judged beside one another, and the champion by itself, on a small credit model in memory."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from amends.domain.spec import ModelSpec
from amends.domain.validation import is_intact
from amends.domain.window import Window
from amends.errors import DataError, LedgerError, Unavailable
from amends.measures.wrappers import Recalibrated
from amends.workflow.remedies.compete import common_holdout, compete
from amends.workflow.remedies.revalidate import revalidate
from amends.workflow.remedy import Candidate
from fake_quality import FakeQuality
from remedy_story import (
    NO_GROUPS,
    REFERENCE,
    SPEC,
    WINDOW,
    logs,
    masked,
    parent,
    people,
    recalibrated,
    reference_of,
    retrained,
    services,
    serving,
    train,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def test_revalidation_is_the_whole_gate_on_what_serves() -> None:
    """Scores that became too low break a limit; the outcome stands in the ledger as evidence."""
    given = services(logs("shifted"))
    serving(given)
    found = revalidate(given, SPEC, window=WINDOW, reference=reference_of(given))

    assert not found.validation.blessed
    assert any("calibration_error" in reason for reason in found.document()["reasons"])
    assert (found.champion.version, found.beside) == ("1", None)
    assert given.ledger.evidence(found.evidence)["blessed"] is False


def test_revalidation_compares_with_the_version_before() -> None:
    """A champion that is worse than what it replaced is shown to be, on the same rows."""
    given = services(logs("healthy"))
    serving(given)
    worse = train(people(REFERENCE, 1).assign(income=0.0, rent=0.0), SPEC)
    given.registry.register(SPEC.name, worse, key="x", tags={}, example=people(REFERENCE, 1), metrics={})
    serving(given, "2")
    found = revalidate(given, SPEC, window=WINDOW, reference=reference_of(given))

    assert found.beside == parent(given)
    assert any(one.metric == "auc_change" and one.is_breach for one in found.validation.findings)


def test_revalidation_needs_a_champion() -> None:
    """There is nothing to look at without one."""
    given = services(logs("healthy"))
    with pytest.raises(LedgerError, match="no champion on record"):
        revalidate(given, SPEC, window=WINDOW, reference=reference_of(given))


def test_remedies_compete_and_the_gate_ranks_them() -> None:
    """Where scores are too low, recalibrating and retraining on recent rows are both built and judged alike.

    A mask that makes no sense is named as not built; all are judged on the rows that each left out.
    """
    low = Recalibrated(train(people(REFERENCE, 1), SPEC), "shift", np.array([-1.5, 1.0]), np.empty(0))
    given = services(logs("healthy"), model=low)
    found = compete(
        given, NO_GROUPS,
        {
            "mask": lambda: masked(given, columns=["sex"]),
            "recalibrate": lambda: recalibrated(given),
            "retrain": lambda: retrained(given, recent=WINDOW),
        },
        champion=parent(given), reference=reference_of(given), window=WINDOW,
    )  # fmt: skip

    assert {one.candidate.method for one in found.ranked} == {"recalibrate", "retrain"}
    assert found.winner == found.ranked[0]
    assert found.not_built[0][0] == "mask"
    assert "does not read" in found.not_built[0][1]
    assert found.window == Window(
        SPEC.name, max(one.candidate.holdout.start for one in found.ranked), WINDOW.end
    )
    assert all(one.gain is not None and one.gain > 0.005 for one in found.ranked)
    assert found.ranked[0].reasons[0].startswith("brier score")
    for one in found.ranked:
        kept = given.ledger.evidence(one.validation.digest)
        assert kept["blessed"] == one.validation.blessed
        assert is_intact(kept)
        assert kept["subject"]["candidate"]["digest"] == one.candidate.version.digest
        assert kept["subject"]["champion"] == {"version": "1", "digest": parent(given).digest}
    assert json.loads(json.dumps(found.document()))["ranked"][0]["version"]


def test_a_blessed_candidate_comes_before_a_better_one_that_is_not() -> None:
    """Rank is the gate's word first, the gain after it; without a blessed one there is no winner."""
    given = services(logs("healthy"))
    bad = train(people(REFERENCE, 1).assign(income=0.0, rent=0.0), SPEC)
    same = given.registry.estimator(parent(given))

    def plant(name: str, estimator: Any) -> Callable[[], Candidate]:
        version = given.registry.register(
            SPEC.name, estimator, key=name, tags={}, example=people(REFERENCE, 1), metrics={}
        )
        return lambda: Candidate(
            version=version,
            parent="1",
            rows=1,
            data="sha256:x",
            trained=REFERENCE,
            holdout=WINDOW,
            method=name,
        )

    builds = {"bad": plant("bad", bad), "same": plant("same", same)}
    asked = {"champion": parent(given), "reference": reference_of(given), "window": WINDOW}
    found = compete(given, NO_GROUPS, builds, **asked)
    alone = compete(given, NO_GROUPS, {"bad": builds["bad"]}, **asked)

    assert [one.candidate.method for one in found.ranked] == ["same", "bad"]
    assert found.winner is not None
    assert alone.winner is None
    assert any("auc" in reason for reason in alone.ranked[0].reasons)


def test_faults_of_a_masked_input_are_not_held_against_the_mask() -> None:
    """The quality gate is asked about the inputs that the candidate reads, and about no other."""

    class Seen(FakeQuality):
        """Remembers the columns it was asked about."""

        def __init__(self) -> None:
            self.asked: set[str] = set()

        def check(self, spec: ModelSpec, *_: object) -> tuple[()]:
            """Note the features."""
            self.asked = set(spec.columns.features)
            return ()

    seen = Seen()
    given = replace(services(logs("broken")), quality=seen)
    found = compete(
        given, SPEC, {"mask": lambda: masked(given)}, champion=parent(given), reference=reference_of(given),
        window=WINDOW, aim="auc",
    )  # fmt: skip

    assert seen.asked == {"rent", "hours", "region"}
    assert found.ranked[0].gain is not None
    assert found.ranked[0].gain > 0


def test_a_service_that_is_down_ranks_nothing() -> None:
    """Half a field is no competition: the step fails and is tried again."""
    given = services(logs("shifted"))

    def down() -> Candidate:
        raise Unavailable("MLflow does not answer. Start it.")

    asked = {"champion": parent(given), "reference": reference_of(given), "window": WINDOW}
    with pytest.raises(Unavailable):
        compete(given, SPEC, {"recalibrate": lambda: recalibrated(given), "retrain": down}, **asked)
    with pytest.raises(DataError, match="no measure of the gate"):
        compete(given, SPEC, {}, aim="beauty", **asked)


def test_candidates_that_held_out_nothing_in_common_are_not_compared() -> None:
    """What one was trained on cannot judge it beside the other; where spans overlap, the overlap judges."""
    given = services(logs("shifted"))
    late = recalibrated(given)
    early = replace(late, holdout=REFERENCE)
    longer = replace(late, holdout=Window(SPEC.name, REFERENCE.start, late.holdout.end - timedelta(days=1)))

    with pytest.raises(DataError, match="no span in common"):
        common_holdout([late, early])
    assert common_holdout([late, longer]) == Window(
        SPEC.name, late.holdout.start, late.holdout.end - timedelta(days=1)
    )


def test_nothing_to_build_is_no_winner() -> None:
    """When every remedy is refused, the reasons are what is left."""
    given = services(logs("shifted"))
    found = compete(
        given, SPEC, {"mask": lambda: masked(given, columns=["sex"])},
        champion=parent(given), reference=reference_of(given), window=WINDOW,
    )  # fmt: skip

    assert (found.ranked, found.winner, found.window) == ((), None, None)
    assert len(found.not_built) == 1
