"""Retraining and masking of a model of several classes and of a regression, up to the gate's word."""

from datetime import timedelta

import pytest
from amends.adapters.imputation import TreeImputer
from amends.workflow.remedies.mask import mask
from amends.workflow.remedies.retrain import retrain
from amends.workflow.remedy import Candidate
from wood_story import REFERENCE, TASKS, WINDOW, Wood, fit, trees

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("task", TASKS)
def test_a_world_that_turned_is_learnt_anew_and_blessed(task: str) -> None:
    """What girth means has changed: the retrained version is blessed, and it is far better by its aim."""
    wood = Wood.of(task, turned=True)
    made = retrain(
        wood.services, wood.spec, until=WINDOW.end, without=[REFERENCE], recent=WINDOW, **wood.asked
    )
    found = wood.judged(made, category="performance")

    assert found.winner is not None, found.ranked[0].reasons
    assert found.aim == {TASKS[0]: "macro_f1", TASKS[1]: "mean_absolute_error"}[task]
    assert found.winner.gain is not None
    assert found.winner.gain > 0.2
    assert "better than the champion" in found.winner.reasons[0]


@pytest.mark.parametrize("task", TASKS)
def test_a_broken_input_is_masked_and_blessed(task: str) -> None:
    """Girth arrives in thousandths: the mask guesses it from age, and most of what was lost comes back."""
    wood = Wood.of(task, broken=True)
    made = mask(
        wood.services, TreeImputer(), wood.spec, columns=["girth"], reference=REFERENCE, window=WINDOW,
        expires=WINDOW.end + timedelta(days=30), **wood.asked,
    )  # fmt: skip
    found = wood.judged(made, category="data_quality")

    assert made.facts["fill"]["girth"]["kind"] == "guessed"
    assert found.winner is not None, found.ranked[0].reasons
    assert found.winner.gain is not None
    assert found.winner.gain > 0.2


@pytest.mark.parametrize("task", TASKS)
def test_a_version_that_is_worse_is_not_blessed(task: str) -> None:
    """Retrained on what no longer holds, a version loses to the champion and is refused."""
    wood = Wood.of(task)
    rows = trees(WINDOW, task, 5, turned=True)
    version = wood.services.registry.register(
        "wood", fit(rows, wood.spec), key="bad", tags={}, example=rows.head(), metrics={}
    )
    bad = Candidate(
        version=version, parent="1", rows=1, data="sha256:x", trained=REFERENCE, holdout=WINDOW, method="bad"
    )
    found = wood.judged(bad, category="performance")
    assert found.winner is None
    assert found.ranked[0].gain is not None
    assert found.ranked[0].gain < 0
