"""Recalibration on a small credit model, with log, ledger and registry in memory."""

from dataclasses import replace
from datetime import timedelta

import pytest
from amends.domain.window import Window
from amends.errors import DataError, SpecError
from remedy_story import SPEC, WINDOW, held_out, logs, parent, recalibrated, scores, services

pytestmark = pytest.mark.usefixtures("one_thread")


def test_recalibration_repairs_the_scale_and_keeps_the_order() -> None:
    """Log-loss falls on rows that nothing was fitted on, the mean score meets the base rate, AUC stays."""
    from sklearn.metrics import log_loss, roc_auc_score

    given = services(logs("shifted"))
    made = recalibrated(given)
    rows = held_out(logs("shifted"), made.holdout)
    old, new = given.registry.load(parent(given))(rows), scores(given, made, rows)

    assert made.facts["map"] in {"shift", "platt"}
    assert log_loss(rows["repaid"], new) < log_loss(rows["repaid"], old) - 0.1
    assert new.mean() == pytest.approx(rows["repaid"].mean(), abs=0.03)
    assert roc_auc_score(rows["repaid"], new) == pytest.approx(roc_auc_score(rows["repaid"], old), abs=1e-9)
    assert made.facts["threshold_before"] == pytest.approx(1 / (1 + 2.718**1.5), abs=0.05)


def test_nothing_is_recalibrated_that_is_calibrated() -> None:
    """Where no map does better than none there is no candidate, and the reason says what to do."""
    given = services(logs("healthy"))
    try:
        made = recalibrated(given)
    except DataError as refused:
        assert "does better than the scores themselves" in str(refused)  # noqa: PT017 - either way is right
        assert len(given.registry.versions(SPEC.name)) == 1
    else:  # a map that wins by a hair on some rows moves the scores by a hair
        rows = held_out(logs("healthy"), made.holdout)
        moved = scores(given, made, rows) - given.registry.load(parent(given))(rows)
        assert moved.abs().mean() < 0.03


def test_unchanged_scores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chosen map may be none at all: then nothing is registered."""
    given = services(logs("shifted"))
    monkeypatch.setattr("amends.measures.recalibration.KINDS", ("unchanged",))

    with pytest.raises(DataError, match="Retrain it"):
        recalibrated(given)
    assert len(given.registry.versions(SPEC.name)) == 1


def test_too_few_rows_or_another_task_are_not_recalibrated() -> None:
    """A hundred rows make no map; a regression's predictions are no shares."""
    given = services(logs("shifted").groupby(logs("shifted")["at"] >= WINDOW.start).head(600))

    with pytest.raises(DataError, match="labelled rows to train on"):
        recalibrated(given, window=Window(SPEC.name, WINDOW.start, WINDOW.start + timedelta(days=1)))
    with pytest.raises(SpecError, match="not recalibrated"):
        recalibrated(given, spec=replace(SPEC, task="regression"))
