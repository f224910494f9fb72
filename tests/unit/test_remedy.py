"""Retraining and reproducing an incident on rows of the demo's story, with registry and log in memory."""

from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy, load_spec
from amends.adapters.training import FunctionTrainer
from amends.demo import lending, serving
from amends.demo.training import train, train_on_officers
from amends.domain.events import EventKind, NewEvent
from amends.domain.promotion import ModelVersion
from amends.domain.spec import Training
from amends.domain.window import Window
from amends.errors import ArtefactError, DataError, SpecError
from amends.ports import Services
from amends.workflow.remedies.retrain import retrain
from amends.workflow.remedy import LEAST_ROWS, candidate_of
from amends.workflow.reproduce import reproduce
from amends.workflow.rows import labelled_rows, score_both
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger

SPEC = load_spec(Path(__file__).parents[2] / "include" / "models" / "lending.yaml")
BAD = Window(SPEC.name, lending.BAD.start, lending.BAD.end)
NEVER: Any = None


@cache
def story() -> tuple[FakeRegistry, pd.DataFrame]:
    """Two releases, and the log: the reference and a window by release 1, then a window by release 2."""
    registry, history = FakeRegistry(), lending.applications(lending.HISTORY)
    for key, fit in (("release 1", train), ("release 2", train_on_officers)):
        registry.register(SPEC.name, fit(history, SPEC), key=key, tags={}, example=history, metrics={})
    served = [(lending.REFERENCE, "1"), (lending.HEALTHY, "1"), (lending.BAD, "2")]
    log = [
        serving.score(registry, SPEC, registry.version(SPEC.name, number), lending.applications(period))
        for period, number in served
    ]
    return registry, pd.concat(log, ignore_index=True)


def services(rows: pd.DataFrame | None = None) -> Services:
    """The story's registry, fresh, over the story's log or another one."""
    registry, log = story()
    mine = FakeRegistry()
    mine.stored = {name: list(kept) for name, kept in registry.stored.items()}
    return Services(
        ledger=FakeLedger(), registry=mine, source=FakeSource(log if rows is None else rows),
        quality=NEVER, fairness=NEVER, reporter=NEVER, trainer=FunctionTrainer(),
        imputer=NEVER, mitigator=NEVER,
        policy=load_policy(None),
    )  # fmt: skip


def version(given: Services, number: str) -> ModelVersion:
    """One release."""
    return given.registry.version(SPEC.name, number)


def retrained(given: Services, **changes: Any) -> Any:
    """Retrain for incident i-1 after the bad window."""
    asked = {"incident": "i-1", "until": BAD.end, "parent": version(given, "2"), **changes}
    return retrain(given, changes.pop("spec", SPEC), **{k: v for k, v in asked.items() if k != "spec"})


def test_a_candidate_is_a_version_with_its_lineage() -> None:
    """The registry's version 3 says from which incident, parent, rows, policy and code it comes."""
    given = services()
    made = retrained(given)

    assert made.version == version(given, "3")
    assert made.parent == "2"
    assert made.version.tag("amends.parent_digest") == version(given, "2").digest
    assert made.version.tag("amends.policy") == given.policy.digest
    assert made.version.tag("amends.spec") == SPEC.digest
    assert made.data.startswith("sha256:")


def test_the_newest_fifth_is_held_out() -> None:
    """Nothing of the span the candidate is judged on was trained on; both together are all labelled rows."""
    given = services()
    made = retrained(given)
    held = labelled_rows(given.source, SPEC, made.holdout)
    trained = labelled_rows(given.source, SPEC, made.trained)

    assert made.trained.end == made.holdout.start
    assert made.holdout.end == BAD.end
    assert (trained.num_rows, held.num_rows) == (made.rows, 16016 - made.rows)
    assert held.num_rows == pytest.approx(16016 / 5, abs=2)


def test_the_candidate_recovers_what_the_release_lost() -> None:
    """On the held-out rows it ranks over 0.15 AUC better and approves women nearly as often as men."""
    from fairlearn.metrics import demographic_parity_ratio
    from sklearn.metrics import roc_auc_score

    given = services()
    made = retrained(given)
    rows = labelled_rows(given.source, SPEC, made.holdout)
    old, new = (
        table.to_pandas()
        for table in score_both(given.registry, SPEC, rows, version(given, "2"), made.version)
    )

    assert list(old["application_id"]) == list(new["application_id"])
    assert set(new["model_version"]) == {"3"}
    gain = roc_auc_score(new["repaid"], new["score"]) - roc_auc_score(old["repaid"], old["score"])
    assert gain > 0.15
    assert demographic_parity_ratio(new["repaid"], new["approved"], sensitive_features=new["sex"]) > 0.9


def test_a_retry_trains_and_registers_nothing_twice() -> None:
    """The second attempt of a step finds the first attempt's version; another incident gets its own."""
    given = services()
    first = retrained(given)

    assert retrained(given) == first
    assert candidate_of(given, SPEC, "i-1") == first
    assert candidate_of(given, SPEC, "i-2") is None
    assert [one.version for one in given.registry.versions(SPEC.name)] == ["3", "2", "1"]


def test_the_ledger_counts_once_it_holds_the_candidate() -> None:
    """Tags changed by somebody, or a later version that claims the incident, do not change what is judged."""
    given = services()
    made = retrained(given)
    call = {"severity": "SEV2", "category": "fairness", "categories": ["fairness"]}
    facts = {EventKind.INCIDENT_OPENED: {"call": call}, EventKind.CANDIDATE_REGISTERED: made.document()}
    with given.ledger.transaction(SPEC.name) as ledger:
        for kind, payload in facts.items():
            ledger.append(NewEvent(kind=kind, key=kind, model=SPEC.name, incident="i-1", payload=payload))
    registry: Any = given.registry
    registry.retag(SPEC.name, "3", **{"amends.holdout_until": BAD.start.isoformat(), "amends.parent": "9"})
    registry.register(
        SPEC.name, None, key="x", tags={"amends.incident": "i-1"}, example=pd.DataFrame(), metrics={}
    )
    found = candidate_of(given, SPEC, "i-1")

    assert found is not None
    assert found.document() == made.document()


def test_quarantined_windows_and_pending_labels_are_not_learnt_from() -> None:
    """Bad data stay out of the remedy, and so do rows whose outcome is not known yet."""
    _, log = story()
    pending = log.assign(repaid=log["repaid"].astype("Int64"))
    pending.loc[pending["decided_at"] < lending.REFERENCE.start + timedelta(days=14), "repaid"] = pd.NA
    given = services(pending)
    healthy = Window(SPEC.name, lending.HEALTHY.start, lending.HEALTHY.end)

    rows = labelled_rows(given.source, SPEC, None, without=[healthy]).to_pandas()

    assert rows["decided_at"].min() >= lending.REFERENCE.start + timedelta(days=14)
    assert not rows["decided_at"].between(healthy.start, healthy.end, inclusive="left").any()
    assert rows["decided_at"].is_monotonic_increasing
    assert len(rows) == 4004 + (
        8008 - int((log["decided_at"] < lending.REFERENCE.start + timedelta(days=14)).sum())
    )


def test_a_row_delivered_twice_is_learnt_from_once() -> None:
    """Doubled ids would count people twice."""
    _, log = story()
    doubled = services(pd.concat([log, log.head(500)]))

    assert labelled_rows(doubled.source, SPEC, None).num_rows == len(log)


def test_too_few_rows_or_one_class_are_refused() -> None:
    """Neither makes a model; the message says what to do, and nothing is registered."""
    _, log = story()
    few, alike = services(log.tail(LEAST_ROWS)), services(log.assign(repaid=1))

    for given, message in ((few, "labelled rows to train on"), (alike, "all alike")):
        with pytest.raises(DataError, match=message):
            retrained(given)
        assert len(given.registry.versions(SPEC.name)) == 2
    with pytest.raises(DataError, match="no labelled rows"):
        retrained(services(log), until=lending.REFERENCE.start)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("amends.demo.training:trane", "has no 'trane'"),
        ("no.such.module:train", "cannot be imported"),
        ("amends.demo.lending:SEED", "is no function"),
        ("fake_training:rows_only", "has no predict_proba"),
    ],
)
def test_a_wrong_training_function_is_named(function: str, message: str) -> None:
    """The spec's author reads which name is wrong and what to do."""
    spec = replace(SPEC, training=Training(function=function))

    with pytest.raises(SpecError, match=message):
        retrained(services(), spec=spec)
    with pytest.raises(SpecError, match="no training section"):
        retrained(services(), spec=replace(SPEC, training=None))


def test_the_bad_window_reproduces_as_a_regression() -> None:
    """Release 2 is worse than release 1 on the same rows: lower AUC, and a wider gap between the sexes."""
    given = services()
    found = reproduce(given, SPEC, window=BAD, failing=version(given, "2"), previous=version(given, "1"))

    assert (found.result, found.regression, found.rows) == ("confirmed", True, 4004)
    breached = {(one.metric, one.attribute) for one in found.findings if one.is_breach}
    assert {("auc_change", None), ("selection_rate_ratio_change", "sex")} <= breached
    assert "Version 2 is worse than version 1" in found.reason
    assert "100.0% of its 4004 logged scores" in found.reason


def test_a_healthy_window_is_refuted_or_left_open() -> None:
    """Release 1 against itself on its own window: nothing is confirmed."""
    given, one = services(), Window(SPEC.name, lending.HEALTHY.start, lending.HEALTHY.end)
    found = reproduce(given, SPEC, window=one, failing=version(given, "1"), previous=version(given, "1"))

    assert found.result in {"refuted", "inconclusive"}
    assert not found.regression


def test_when_both_versions_fell_it_is_no_regression() -> None:
    """Outcomes that follow neither version: confirmed by the limits, and no roll back is asked for."""
    _, log = story()
    shuffled = log.assign(repaid=log["repaid"].sample(frac=1, random_state=0).to_numpy())
    given = services(shuffled)
    healthy = Window(SPEC.name, lending.HEALTHY.start, lending.HEALTHY.end)
    found = reproduce(given, SPEC, window=healthy, failing=version(given, "1"), previous=None)

    assert (found.result, found.regression, found.previous) == ("confirmed", False, None)
    assert "auc" in found.reason


def test_scores_that_the_artefact_does_not_give_are_told() -> None:
    """A log that holds other scores than the version computes is a finding of its own."""
    _, log = story()
    bent = log.assign(score=log["score"].where(log.index % 2 == 0, 0.5))
    given = services(bent)
    found = reproduce(given, SPEC, window=BAD, failing=version(given, "2"), previous=version(given, "1"))
    [same] = [one for one in found.findings if one.metric == "scores_reproduced"]

    assert same.is_breach
    assert same.value == pytest.approx(0.5, abs=0.01)


def test_an_altered_artefact_is_not_reproduced() -> None:
    """What does not fit its digest is not loaded to find out."""
    given = services()
    given.registry.alter(SPEC.name, "2")  # type: ignore[attr-defined]

    with pytest.raises(ArtefactError, match="altered"):
        reproduce(given, SPEC, window=BAD, failing=version(given, "2"), previous=version(given, "1"))


def test_batches_of_a_log_are_read_in_any_order() -> None:
    """Training rows come oldest first whatever order the log has: the cut by time depends on it."""
    _, log = story()
    mixed = services(log.sample(frac=1, random_state=1))

    table = labelled_rows(mixed.source, SPEC, BAD)

    assert isinstance(table, pa.Table)
    assert table.column("application_id").to_pylist() == sorted(table.column("application_id").to_pylist())


def test_versions_of_a_regression_are_compared_like_any_others() -> None:
    """Read as numbers, decisions of version 2 are further off than those of version 1: a regression."""
    given, spec = services(), replace(SPEC, task="regression")
    found = reproduce(given, spec, window=BAD, failing=version(given, "2"), previous=version(given, "1"))

    assert (found.result, found.regression) == ("confirmed", True)
    assert "mean_absolute_error 0.429 against 0.299" in found.reason
