"""Remedies on a small credit model, with log, ledger and registry in memory."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.adapters.fairlearn_mitigation import FairlearnMitigator
from amends.adapters.imputation import TreeImputer
from amends.domain.events import EventKind, NewEvent
from amends.domain.promotion import Move
from amends.domain.spec import ModelSpec, Training
from amends.domain.window import Window
from amends.errors import ArtefactError, DataError, LedgerError, SpecError, Unavailable
from amends.measures.digesting import digest_batches
from amends.measures.wrappers import Recalibrated
from amends.ports import Services
from amends.workflow.promote import promote
from amends.workflow.remedies import recalibrate as recalibration
from amends.workflow.remedies.compete import compete
from amends.workflow.remedies.mask import expired, mask, way_back
from amends.workflow.remedies.mitigate_bias import curve_of, mitigate_bias
from amends.workflow.remedies.quarantine import CONSUMER_NOTICE, left_out, quarantine, quarantined, release
from amends.workflow.remedies.recalibrate import recalibrate
from amends.workflow.remedies.retrain import retrain
from amends.workflow.remedies.revalidate import revalidate
from amends.workflow.remedy import Candidate, candidate_of
from amends.workflow.rows import labelled_rows, window_rows
from remedy_story import (
    REFERENCE,
    SPEC,
    WINDOW,
    Judged,
    broken,
    healthy,
    held_out,
    parent,
    people,
    services,
    shifted,
    train,
)
from threadpoolctl import threadpool_limits

EXPIRES = WINDOW.end + timedelta(days=30)
NO_GROUPS = replace(SPEC, favourable_label=None)
"""The model as if its decisions were about no person: groups are not compared."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """On busy cores, threads that wait for one another are many times slower."""
    with threadpool_limits(limits=1):
        yield


def recalibrated(given: Services, **changes: Any) -> Candidate:
    """Recalibrate for incident i-1 on the window."""
    asked: dict[str, Any] = {"incident": "i-1", "parent": parent(given), "window": WINDOW, **changes}
    return recalibrate(given, asked.pop("spec", SPEC), **asked)


def masked(given: Services, **changes: Any) -> Candidate:
    """Mask income for incident i-1."""
    asked: dict[str, Any] = {
        "incident": "i-1", "parent": parent(given), "columns": ["income"], "reference": REFERENCE,
        "window": WINDOW, "expires": EXPIRES, **changes,
    }  # fmt: skip
    return mask(given, TreeImputer(), SPEC, **asked)


def mitigated(given: Services, **changes: Any) -> Candidate:
    """Mitigate the gap between the sexes for incident i-1."""
    asked: dict[str, Any] = {
        "incident": "i-1", "until": WINDOW.end, "parent": parent(given), "attribute": "sex", **changes,
    }  # fmt: skip
    return mitigate_bias(given, FairlearnMitigator(), asked.pop("spec", SPEC), **asked)


def retrained(given: Services, **changes: Any) -> Candidate:
    """Retrain for incident i-1 after the window."""
    asked: dict[str, Any] = {"incident": "i-1", "until": WINDOW.end, "parent": parent(given), **changes}
    return retrain(given, asked.pop("spec", SPEC), **asked)


REMEDIES: dict[str, Callable[..., Candidate]] = {
    "recalibrate": recalibrated, "mask": masked, "mitigate_bias": mitigated, "retrain": retrained,
    "retrain_without": lambda given, **changes: retrained(given, dropped=["income"], **changes),
}  # fmt: skip


@cache
def logs(name: str) -> pd.DataFrame:
    """One of the story's logs, made once."""
    return {"healthy": healthy, "shifted": shifted, "broken": broken}[name]()


def scores(given: Services, candidate: Candidate, rows: pd.DataFrame) -> "pd.Series[float]":
    """Scores of rows by a candidate's version."""
    return given.registry.load(candidate.version)(rows)


@pytest.mark.parametrize("method", list(REMEDIES))
def test_every_remedy_is_a_version_with_one_shape_of_lineage(method: str) -> None:
    """Incident, parent, rows, data digest, policy, spec, code, method: in tags and in the record alike."""
    given = services(logs("shifted"))
    made = REMEDIES[method](given)
    tags = dict(made.version.tags)

    assert made.method == tags["amends.method"] == method
    assert made.parent == tags["amends.parent"] == "1"
    assert tags["amends.parent_digest"] == parent(given).digest
    assert (tags["amends.incident"], tags["amends.key"]) == ("i-1", f"{method}:i-1")
    assert (tags["amends.policy"], tags["amends.spec"]) == (given.policy.digest, SPEC.digest)
    assert tags["amends.code"]
    assert made.data == tags["amends.data"]
    assert made.data.startswith("sha256:")
    assert made.rows >= 500
    assert json.loads(tags["amends.facts"]) == json.loads(json.dumps(dict(made.facts)))
    assert len(tags["amends.facts"]) < 8000  # MLflow cuts a run's tag there
    assert made.trained.end <= made.holdout.start
    assert made.holdout.end == WINDOW.end


@pytest.mark.parametrize("method", list(REMEDIES))
def test_a_retry_registers_nothing_twice(method: str) -> None:
    """A second attempt returns the first one's version; another method and another incident get their own."""
    given = services(logs("shifted"))
    first = REMEDIES[method](given)

    assert REMEDIES[method](given) == first
    assert candidate_of(given, SPEC, "i-1", method) == first
    assert candidate_of(given, SPEC, "i-1") == first
    assert candidate_of(given, SPEC, "i-2", method) is None
    assert [one.version for one in given.registry.versions(SPEC.name)] == ["2", "1"]


def test_two_remedies_of_one_incident_are_told_apart() -> None:
    """Each method finds its own version, by tags and once the ledger holds them by its facts."""
    given = services(logs("shifted"))
    made = [recalibrated(given), retrained(given)]
    assert [candidate_of(given, SPEC, "i-1", one.method) for one in made] == made

    call = {"severity": "SEV2", "category": "performance", "categories": ["performance"]}
    with given.ledger.transaction(SPEC.name) as ledger:
        facts = [(EventKind.INCIDENT_OPENED, {"call": call})]
        facts += [(EventKind.CANDIDATE_REGISTERED, one.document()) for one in made]
        for number, (kind, payload) in enumerate(facts):
            ledger.append(
                NewEvent(kind=kind, key=str(number), model=SPEC.name, incident="i-1", payload=payload)
            )
    registry: Any = given.registry
    registry.retag(SPEC.name, "2", **{"amends.method": "retrain", "amends.parent": "9"})
    for one in made:
        found = candidate_of(given, SPEC, "i-1", one.method)
        assert found is not None
        assert found.document() == one.document()


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
    assert recalibration.METHOD == "recalibrate"
    assert len(given.registry.versions(SPEC.name)) == 1


def test_too_few_rows_or_another_task_are_not_recalibrated() -> None:
    """A hundred rows make no map; a regression's predictions are no shares."""
    given = services(logs("shifted").groupby(logs("shifted")["at"] >= WINDOW.start).head(600))

    with pytest.raises(DataError, match="labelled rows to train on"):
        recalibrated(given, window=Window(SPEC.name, WINDOW.start, WINDOW.start + timedelta(days=1)))
    with pytest.raises(SpecError, match="not recalibrated"):
        recalibrated(given, spec=replace(SPEC, task="regression"))


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


def recalibrate_end(given: Services) -> float:
    """Where the rows end that a recalibration is judged on; the scores are fine, so a base rate is moved."""
    low = Recalibrated(given.registry.estimator(parent(given)), "shift", np.array([-1.5, 1.0]), np.empty(0))
    mine = services(given.source.rows, model=low)  # type: ignore[attr-defined]
    return recalibrated(mine).holdout.end.timestamp()


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


def test_a_smaller_gap_is_found_without_the_attribute_and_its_price_is_shown() -> None:
    """Selection ratio over 0.8 from under 0.7 on held-out rows, and a curve that pays accuracy for parity."""
    from fairlearn.metrics import demographic_parity_ratio

    given = services(logs("healthy"))
    made = mitigated(given)
    rows, curve = held_out(logs("healthy"), made.holdout), curve_of(given, made)
    ratios = [
        demographic_parity_ratio(rows["repaid"], scored >= 0.5, sensitive_features=rows["sex"])
        for scored in (given.registry.load(parent(given))(rows), scores(given, made, rows))
    ]

    assert ratios[0] < 0.7
    assert ratios[1] > 0.8
    assert made.facts["sensitive_at_scoring"] == []
    assert "sex" not in given.registry.estimator(made.version).feature_names_in_
    assert scores(given, made, rows.drop(columns="sex")).equals(scores(given, made, rows))
    assert {row["method"] for row in curve} == {"parent", "none", "reduction", "reweighing"}
    assert not any(row["uses_attribute"] for row in curve)
    reductions = sorted((row["strength"], row["accuracy"]) for row in curve if row["method"] == "reduction")
    assert len(reductions) >= 5
    assert reductions[0][1] > reductions[-1][1]
    before, after = made.facts["price"]["selection_rate_ratio"]
    assert before < 0.7
    assert after > 0.8


def test_thresholds_by_group_are_tried_only_where_they_are_allowed() -> None:
    """Allowed by name, they are on the curve, marked; the winner says whether it reads the column."""
    given = services(logs("healthy"))
    made = mitigated(given, at_scoring=True)
    marked = {row["method"] for row in curve_of(given, made) if row["uses_attribute"]}

    assert marked == {"group_thresholds"}
    reads = "sex" in given.registry.estimator(made.version).feature_names_in_
    assert made.facts["sensitive_at_scoring"] == (["sex"] if reads else [])


def test_equal_error_rates_can_be_asked_for() -> None:
    """Under equalized odds the gap is the wider rate difference, and its limit the policy's."""
    given = services(logs("healthy"))
    made = mitigated(given, constraint="equalized_odds")
    row = made.facts["attempt"]

    assert made.facts["limit"] == 0.1
    assert row["gap"] == max(row["true_positive_rate_difference"], row["false_positive_rate_difference"])


def test_a_threshold_other_than_a_half_is_kept() -> None:
    """Decided at 0.3, a constrained predictor has the plain one's rate, and rates nearer by group."""
    rows = people(REFERENCE, 1)
    plain = train(rows, SPEC)
    fitted = FairlearnMitigator().reduced(
        plain, rows[list(SPEC.columns.features)], rows["repaid"], rows["sex"],
        constraint="demographic_parity", strength=0.4, threshold=0.3,
    )  # fmt: skip
    before, after = (
        pd.Series(one.predict_proba(rows)[:, -1] >= 0.3).groupby(rows["sex"]).mean()
        for one in (plain, fitted)
    )

    assert after.mean() == pytest.approx(before.mean(), abs=0.05)
    assert after["f"] / after["m"] > before["f"] / before["m"] + 0.1


def test_a_constraint_that_is_kept_changes_nothing() -> None:
    """Where all groups are decided on alike there is nothing to weigh: the copy is the plain fit."""
    rows = people(REFERENCE, 1)
    plain = train(rows, SPEC)
    fitted = FairlearnMitigator().reduced(
        plain, rows[list(SPEC.columns.features)], rows["repaid"], pd.Series("m", index=rows.index),
        constraint="demographic_parity", strength=1.0, threshold=0.5,
    )  # fmt: skip

    assert fitted.predict_proba(rows) == pytest.approx(plain.predict_proba(rows), abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attribute": "region"}, "no sensitive column"),
        ({"constraint": "calibration"}, "constraint 'calibration' is unknown"),
        ({"spec": replace(SPEC, favourable_label=None)}, "favourable_label is missing"),
        ({"spec": replace(SPEC, task="regression")}, "no such remedy"),
        ({"spec": replace(SPEC, training=Training(function="remedy_story:train_with_sex"))}, "reads 'sex'"),
        (
            {"spec": replace(SPEC, training=Training(function="remedy_story:train_neighbours"))},
            "takes no sample_weight",
        ),
    ],
    ids=["attribute", "constraint", "favourable", "task", "reads it", "no weights"],
)
def test_a_mitigation_that_cannot_be_made_says_why(changes: dict[str, Any], message: str) -> None:
    """The spec's author reads what to change; nothing is registered."""
    given = services(logs("healthy"))

    with pytest.raises(SpecError, match=message):
        mitigated(given, **changes)
    assert len(given.registry.versions(SPEC.name)) == 1


def test_one_group_is_no_comparison() -> None:
    """With nearly everybody of one sex there is nothing to bring together."""
    log = logs("healthy").assign(sex="m")

    with pytest.raises(DataError, match="under two groups of 'sex'"):
        mitigated(services(log))


def opened(given: Services) -> None:
    """Open incident i-1."""
    call = {"severity": "SEV2", "category": "data_quality", "categories": ["data_quality"]}
    event = NewEvent(
        kind=EventKind.INCIDENT_OPENED, key="open", model=SPEC.name, incident="i-1", payload={"call": call}
    )
    with given.ledger.transaction(SPEC.name) as ledger:
        ledger.append(event)


def test_a_quarantined_window_is_marked_told_and_not_learnt_from() -> None:
    """Once in the ledger, once in each consumer's outbox row, however often the step is repeated."""
    given = services(logs("broken"))
    opened(given)
    for _ in range(2):
        assert quarantine(given, SPEC, incident="i-1", window=WINDOW, reason="income in thousandths")
    told = given.ledger.pending(CONSUMER_NOTICE, SPEC.name)

    assert len(given.ledger.events(kinds=[EventKind.WINDOW_QUARANTINED])) == 1
    assert [row.payload["consumer"] for row in told] == ["pricing", "letters"]
    assert all(row.payload["window"] == WINDOW.document() for row in told)
    assert quarantined(given.ledger, SPEC.name) == left_out(given.ledger, SPEC.name) == [WINDOW]
    made = retrained(given, without=left_out(given.ledger, SPEC.name))
    rows = window_rows(given.source, SPEC, WINDOW).num_rows
    assert made.trained.end < WINDOW.start
    assert made.rows + labelled_rows(
        given.source, SPEC, made.holdout, without=[WINDOW]
    ).num_rows == len(logs("broken")) - rows  # fmt: skip


def test_repaired_rows_are_released_and_consumers_are_told_again() -> None:
    """A release names the repaired data; a retried quarantine step does not lock them up again."""
    given = services(logs("broken"))
    opened(given)
    quarantine(given, SPEC, incident="i-1", window=WINDOW, reason="income in thousandths")
    for _ in range(2):
        release(
            given, SPEC, incident="i-1", window=WINDOW, reason="reloaded", data="sha256:" + "a" * 64,
            actor="dana",
        )  # fmt: skip

    assert quarantined(given.ledger, SPEC.name) == left_out(given.ledger, SPEC.name) == []
    assert not quarantine(given, SPEC, incident="i-1", window=WINDOW, reason="income in thousandths")
    assert len(given.ledger.pending(CONSUMER_NOTICE, SPEC.name)) == 4
    assert given.ledger.events(kinds=[EventKind.WINDOW_RELEASED])[0].actor == "dana"


def test_windows_of_bad_data_are_left_out_until_they_are_released() -> None:
    """What the monitor found broken is not learnt from, with or without a quarantine of its own."""
    given = services(logs("broken"))
    opened(given)
    for number, categories in enumerate((["data_quality"], ["data_drift"])):
        window = (WINDOW, REFERENCE)[number]
        payload = {"window": window.document(), "call": {"categories": categories}}
        event = NewEvent(kind=EventKind.WINDOW_ASSESSED, key=str(number), model=SPEC.name, payload=payload)
        with given.ledger.transaction(SPEC.name) as ledger:
            ledger.append(event)

    assert left_out(given.ledger, SPEC.name) == [WINDOW]
    release(given, SPEC, incident="i-1", window=WINDOW, reason="ok", data="sha256:" + "b" * 64, actor="dana")
    assert left_out(given.ledger, SPEC.name) == []


def serving(given: Services, version: str = "1") -> None:
    """Put a version on record as champion."""
    one = given.registry.version(SPEC.name, version)
    epoch = given.ledger.champion(SPEC.name)
    move = Move(
        key=f"serve {version}", model=SPEC.name, version=version, digest=one.digest,
        seen_epoch=epoch.epoch if epoch else 0, reason="promotion" if epoch else "bootstrap",
    )  # fmt: skip
    promote(given.ledger, given.registry, move)


def reference_of(given: Services, spec: ModelSpec = SPEC) -> Any:
    """Digest of the reference rows."""
    return digest_batches(spec, given.source.batches(spec, REFERENCE))


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
        assert given.ledger.evidence(one.validation.digest)["blessed"] == one.validation.blessed
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

    class Seen(Judged):
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


def test_nothing_to_build_is_no_winner() -> None:
    """When every remedy is refused, the reasons are what is left."""
    given = services(logs("shifted"))
    found = compete(
        given, SPEC, {"mask": lambda: masked(given, columns=["sex"])},
        champion=parent(given), reference=reference_of(given), window=WINDOW,
    )  # fmt: skip

    assert (found.ranked, found.winner, found.window) == ((), None, None)
    assert len(found.not_built) == 1
