"""Masks, and retraining with and without inputs, on a small credit model in memory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.domain.spec import Training
from amends.domain.window import Window
from amends.errors import ArtefactError, DataError, SpecError
from amends.measures.wrappers import Recalibrated
from amends.ports import Services
from amends.workflow.remedies.mask import expired, way_back
from remedy_story import (
    EXPIRES,
    REFERENCE,
    SPEC,
    WINDOW,
    held_out,
    logs,
    masked,
    parent,
    recalibrated,
    retrained,
    scores,
    services,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def recalibrate_end(given: Services) -> float:
    """Where the rows end that a recalibration is judged on; the scores are fine, so a base rate is moved."""
    low = Recalibrated(given.registry.estimator(parent(given)), "shift", np.array([-1.5, 1.0]), np.empty(0))
    mine = services(given.source.rows, model=low)  # type: ignore[attr-defined]
    return recalibrated(mine).holdout.end.timestamp()


def test_a_broken_input_is_masked_by_a_guess_from_the_others() -> None:
    """Rent follows income, so the guess brings back the AUC that the broken unit cost, before any retrain."""
    from sklearn.metrics import roc_auc_score

    given = services(logs("broken"))
    made = masked(given)
    rows, whole = (held_out(log, WINDOW) for log in (logs("broken"), logs("healthy")))
    load = given.registry.load
    lost = roc_auc_score(rows["repaid"], load(parent(given))(rows))
    was = roc_auc_score(rows["repaid"], load(parent(given))(whole))
    now = roc_auc_score(rows["repaid"], scores(given, made, rows))

    assert made.facts["fill"] == {"income": {"kind": "guessed", "value": None}}
    assert set(made.facts["score_moved"]) == {"centre", "guessed"}  # this parent takes no missing values
    assert was - lost > 0.02
    assert now > lost + 0.9 * (was - lost)
    assert list(given.registry.estimator(made.version).feature_names_in_) == ["rent", "hours", "region"]
    assert scores(given, made, rows.drop(columns="income")).equals(scores(given, made, rows))


def test_a_sensitive_input_is_not_made_up_for() -> None:
    """Without guessing, the centre stands in: the reference's median, by another implementation."""
    given = services(logs("healthy"))
    made = masked(given, guess=False)
    fill = made.facts["fill"]["income"]

    assert fill["kind"] == "centre"
    assert fill["value"] == pytest.approx(held_out(logs("healthy"), REFERENCE)["income"].median())
    assert "guessed" not in made.facts["score_moved"]


def test_a_mask_needs_no_labels() -> None:
    """Labels come later; the input is broken now."""
    log = logs("broken").assign(repaid=logs("broken")["repaid"].astype("Int64"))
    log.loc[:, "repaid"] = pd.NA

    assert masked(services(log)).facts["fill"]["income"]["kind"] == "guessed"


def test_a_mask_expires_and_knows_the_way_back() -> None:
    """After its time a person looks again; the way back is the version that was masked, byte for byte."""
    given = services(logs("broken"))
    made = masked(given)

    assert not expired(made.version, EXPIRES - timedelta(seconds=1))
    assert expired(made.version, EXPIRES)
    assert not expired(parent(given), EXPIRES)
    assert way_back(given, made) == parent(given)
    stored: Any = given.registry
    stored.stored[SPEC.name] = [
        (replace(one, digest="sha256:other") if one.version == "1" else one, estimator)
        for one, estimator in stored.stored[SPEC.name]
    ]
    with pytest.raises(ArtefactError, match="no longer what was masked"):
        way_back(given, made)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["sex"], "does not read"),
        ([], "does not read"),
        (["income", "rent", "hours", "region"], "nothing but"),
    ],
)
def test_a_mask_that_makes_no_sense_is_refused(columns: list[str], message: str) -> None:
    """A column the parent does not read, none, or all that it reads."""
    with pytest.raises(DataError, match=message):
        masked(services(logs("healthy")), columns=columns)


def test_a_mask_that_has_nothing_to_fill_in_is_refused() -> None:
    """The column has come into the log lately, may not be guessed, and this parent takes no missing value."""
    log = logs("healthy").copy()
    known = held_out(log, REFERENCE)["at"].sort_values()
    log.loc[log["at"] < known.iloc[int(len(known) * 0.75)], "income"] = np.nan
    with pytest.raises(DataError, match=r"no way to fill in income \(missing, centre\) gives scores"):
        masked(services(log), guess=False)


def test_retraining_without_a_column_forgets_it() -> None:
    """The follow-up of a mask: neither fitted on the broken column nor asking for it."""
    given = services(logs("broken"))
    made = retrained(given, dropped=["income"])

    assert made.facts["columns"] == ["income"]
    assert made.masked == ("income",)
    assert "income" not in given.registry.estimator(made.version).feature_names_in_


def test_a_training_function_that_reads_a_dropped_column_is_named() -> None:
    """A function that goes by its own list of columns cannot do without one, and its author is told."""
    spec = replace(SPEC, training=Training(function="remedy_story:train_on_income_anyway"))

    with pytest.raises(SpecError, match="still reads 'income'"):
        retrained(services(logs("healthy")), spec=spec, dropped=["income"])


def test_rows_whose_labels_are_still_arriving_are_not_learnt_from() -> None:
    """Of the last days only repayments are known yet: such rows would teach that everybody repays."""
    log = logs("healthy").assign(repaid=logs("healthy")["repaid"].astype("Int64"))
    late = WINDOW.end - timedelta(days=5)
    log.loc[(log["at"] >= late) & (log["repaid"] == 0), "repaid"] = pd.NA
    given = services(log)
    made = retrained(given)

    assert abs(made.holdout.end - late) < timedelta(days=2)
    assert (
        held_out(log, Window(SPEC.name, made.trained.start, made.holdout.end))["repaid"].isna().mean() < 0.02
    )
    assert recalibrate_end(given) == pytest.approx(late.timestamp(), abs=86400)


def test_the_history_that_predicts_the_newest_rows_is_learnt_from() -> None:
    """Where outcomes turned round, only what came since is learnt from; where nothing changed, everything."""
    log = logs("healthy")
    turned = log.assign(repaid=log["repaid"].where(log["at"] < WINDOW.start, 1 - log["repaid"]))
    after, same = (retrained(services(one), recent=WINDOW) for one in (turned, log))

    assert after.facts["history"] == "recent"
    assert after.trained.start == WINDOW.start
    assert after.facts["log_loss"]["recent"] < after.facts["log_loss"]["whole"]
    assert same.facts["history"] == "whole"
    assert same.trained.start == REFERENCE.start
