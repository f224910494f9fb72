"""Proxies of a sensitive attribute, leaks of the label: what is new is found, what always stood is told."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import ModelSpec, spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.proxies import BLOCKS, association, separation
from amends.workflow.assess import assess
from amends.workflow.judge_proxies import judge_proxies
from samples import MINIMAL

POLICY = load_policy()
COLUMNS = {
    "id": "id", "timestamp": "at", "score": "score", "predicted_label": "decision", "label": "label",
    "numeric": ["height", "income", "hours"], "categorical": ["job", "town"], "sensitive": ["sex", "origin"],
}  # fmt: skip
SPEC = spec_from_document({**MINIMAL, "columns": COLUMNS}, "people.yaml")


def people(seed: int, rows: int = 4000, shift: float = 0.0, **changes: Any) -> pd.DataFrame:
    """People whose height tells their sex, as it always did; their town tells a little of their origin."""
    draw = np.random.default_rng(seed)
    sex = draw.choice(["f", "m"], rows, p=[0.5 + 0.1 * shift, 0.5 - 0.1 * shift])
    origin = draw.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    score = draw.beta(2, 3, rows)
    frame = pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(rows)],
            "at": pd.Timestamp("2026-03-02") + pd.to_timedelta(np.arange(rows), unit="min"),
            "score": score,
            "decision": (score >= 0.5).astype(int),
            "label": (draw.random(rows) < score).astype(float),
            "height": draw.normal(170, 7, rows) + np.where(sex == "m", 7, -7),
            "income": draw.lognormal(3 + 0.1 * shift, 0.5, rows),
            "hours": draw.normal(38, 6, rows),
            "job": draw.choice(["x", "y", "z"], rows),
            "town": np.where(
                draw.random(rows) < 0.2, np.char.add("t", origin.astype(str)), draw.choice(["u", "v"], rows)
            ),
            "sex": sex,
            "origin": origin,
        }
    )
    return frame.assign(**{name: change(frame, draw) for name, change in changes.items()})


def digested(frame: pd.DataFrame, like: WindowDigest | None = None, spec: ModelSpec = SPEC) -> WindowDigest:
    """Digest of rows."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return digest_batches(spec, table.to_batches(), like.grid if like else None)


REFERENCE = digested(people(1))


def judged(frame: pd.DataFrame, reference: WindowDigest = REFERENCE) -> list[Finding]:
    """Findings on proxies and leaks of the label."""
    return judge_proxies(SPEC, POLICY, reference, digested(frame, reference))


def breaches(found: list[Finding]) -> set[tuple[str, Any, Any]]:
    """Metric, attribute and column of the breaches."""
    return {(one.metric, one.attribute, one.column) for one in found if one.is_breach}


def mostly(column: str, share: float = 0.85) -> Any:
    """A column that holds another one's value for a share of the rows."""
    return lambda f, draw: f["job"].where(draw.random(len(f)) > share, f[column].astype(str))


PLANTED: dict[str, tuple[dict[str, Any], tuple[str, Any, Any]]] = {
    "a job that became the origin": (
        {"job": mostly("origin")}, ("proxy_association_change", "origin", "job"),
    ),
    "hours that follow the origin": (
        {"hours": lambda f, _: f["hours"] + 30 * (f["origin"] == "b")},
        ("proxy_association_change", "origin", "hours"),
    ),
    "the label among the inputs": (
        {"hours": lambda f, draw: f["label"] + draw.normal(0, 0.01, len(f))}, ("label_leak", None, "hours"),
    ),
    "a job that says the label": (
        {"job": lambda f, _: np.where(f["label"] == 1, "paid", "owing")}, ("label_leak", None, "job"),
    ),
    "an input that is empty where the label is 0": (
        {"income": lambda f, _: f["income"].where(f["label"] == 1)}, ("label_leak", None, "income"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_new_is_found_in_nearly_every_window(name: str) -> None:
    """In 38 of 40 windows at least the input is named, with the attribute or as a leak of the label."""
    changes, expected = PLANTED[name]
    assert sum(expected in breaches(judged(people(seed, **changes))) for seed in range(10, 50)) >= 38


def test_standing_proxies_and_shifting_populations_are_quiet() -> None:
    """Of 150 windows of other people, more women and higher incomes, none breaches."""
    assert not [x for seed in range(100, 250) for x in breaches(judged(people(seed, shift=seed % 3 / 2)))]


def test_small_windows_are_quiet_too() -> None:
    """Of 60 windows of 300 people none breaches; the smallest group is too small to be told from others."""
    assert not [x for seed in range(60) for x in breaches(judged(people(1000 + seed, rows=300)))]


def test_a_standing_proxy_is_told_with_its_value() -> None:
    """Two normal distributions 14 cm apart at 7 cm: AUC is Phi(2 / sqrt(2)) = 0.921, in both windows."""
    (sex,) = (one for one in judged(people(2)) if one.attribute == "sex")
    assert (sex.verdict, sex.metric, sex.category) == (Verdict.PASS, "proxy_auc", Category.PRIVACY_LEAK)
    assert sex.value == pytest.approx(0.921, abs=0.02)
    assert sex.reference_value == pytest.approx(0.921, abs=0.02)
    assert "height" in sex.reason


def test_an_attribute_among_the_inputs_is_no_proxy_of_itself() -> None:
    """Sex is an input and sensitive: it does not count for itself, and nothing breaches."""
    columns = {**COLUMNS, "categorical": ["job", "town", "sex"]}
    spec = spec_from_document({**MINIMAL, "columns": columns}, "people.yaml")
    before = digested(people(1), spec=spec)
    found = judge_proxies(spec, POLICY, before, digested(people(2), before, spec))
    (sex,) = (one for one in found if one.attribute == "sex")
    assert sex.value == pytest.approx(0.921, abs=0.02)
    assert breaches(found) == set()


def test_swapped_inputs_are_bad_data_and_no_new_proxies() -> None:
    """Height and income changed places: the gate names both, and neither is called a proxy."""
    frame = people(3).rename(columns={"height": "income", "income": "height"})
    found = assess(
        SPEC, POLICY, REFERENCE, digested(frame, REFERENCE),
        quality=GreatExpectationsGate(POLICY), fairness=FairlearnMetrics(),
    )  # fmt: skip
    assert {one.column for one in found.findings if one.metric == "swapped"} == {"height", "income"}
    assert not [one for one in found.findings if one.category is Category.PRIVACY_LEAK and one.is_breach]


def test_other_people_explain_a_new_association() -> None:
    """Hours came to follow the origin: a breach; where three inputs drifted, it is inconclusive."""
    frame = people(6, hours=lambda f, _: f["hours"] + 30 * (f["origin"] == "b"))
    now = digested(frame, REFERENCE)
    alone = judge_proxies(SPEC, POLICY, REFERENCE, now, drifted={"hours"})
    among = judge_proxies(SPEC, POLICY, REFERENCE, now, drifted={"hours", "income", "job"})
    assert ("proxy_association_change", "origin", "hours") in breaches(alone)
    assert breaches(among) == set()
    doubted = {one.metric for one in among if one.verdict is Verdict.INCONCLUSIVE}
    assert doubted == {"proxy_association_change", "proxy_auc"}


def test_a_new_proxy_is_a_leak_of_its_column() -> None:
    """The whole call: a leak, graver than the drift of the same column, and the column is named."""
    frame = people(7, hours=lambda f, _: f["hours"] + 12 * (f["origin"] == "b"))
    found = assess(
        SPEC, POLICY, REFERENCE, digested(frame, REFERENCE),
        quality=GreatExpectationsGate(POLICY), fairness=FairlearnMetrics(),
    )  # fmt: skip
    leaks = [one for one in found.findings if one.category is Category.PRIVACY_LEAK and one.is_breach]
    assert {one.column for one in leaks} <= {"hours", ("hours",)}
    assert leaks
    assert found.incident is not None
    assert found.incident.playbook == "mask"


def test_few_people_of_a_group_are_no_data() -> None:
    """Where all people but a few are of one group, nothing is said of what tells them apart."""
    alike = people(4, sex=lambda f, _: np.where(np.arange(len(f)) < 20, "f", "m"))
    (sex,) = (one for one in judged(alike) if one.attribute == "sex")
    assert sex.verdict is Verdict.NO_DATA


def test_labels_that_have_not_arrived_judge_no_leak() -> None:
    """Without labels nothing can leak them, and nothing is said."""
    pending = people(5, label=lambda f, _: np.full(len(f), np.nan))
    assert not [one for one in judged(pending) if one.metric == "label_leak"]


def test_association_is_scipy_s_with_bergsma_s_correction() -> None:
    """One table, its chi-square by scipy, the correction by the paper's formula."""
    from scipy.stats import chi2_contingency

    rng = np.random.default_rng(0)
    blocks = rng.multinomial(200, [0.2, 0.1, 0.1, 0.05, 0.25, 0.3], BLOCKS).reshape(BLOCKS, 3, 2)
    total = blocks.sum(axis=0)
    n, r, c = total.sum(), 3, 2
    phi = max(chi2_contingency(total, correction=False).statistic / n - (r - 1) * (c - 1) / (n - 1), 0)
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    found = association(blocks)
    assert found.value == pytest.approx(np.sqrt(phi / least), rel=1e-12)
    values = [association(rng.multinomial(200, total.ravel() / n, BLOCKS).reshape(BLOCKS, 3, 2)).value
              for _ in range(300)]  # fmt: skip
    assert found.error == pytest.approx(np.std(values), rel=0.5)


def test_separation_is_sklearn_s_area() -> None:
    """With ties, the area is what scikit-learn computes."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    member = rng.integers(0, 2, 500)
    score = np.round(rng.normal(member, 1), 1)
    assert separation(score, member).value == pytest.approx(roc_auc_score(member, score), rel=1e-12)


def test_constant_inputs_tell_nothing() -> None:
    """A table of one row has no association, and no division by zero."""
    assert association(np.ones((BLOCKS, 1, 2), dtype=np.int64)).value == 0.0
    assert association(np.zeros((BLOCKS, 3, 2), dtype=np.int64)).value == 0.0
