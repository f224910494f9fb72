"""The service's health: slow answers, errors and volume are found; a log without them says nothing."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.profiles import Axis, NumericProfile
from amends.measures.service import latency_ratio
from amends.workflow.assess import assess
from amends.workflow.judge_service import judge_service
from samples import MINIMAL

POLICY = load_policy()
COLUMNS = {
    "id": "id", "timestamp": "at", "score": "score", "predicted_label": "decision", "label": "label",
    "numeric": ["amount"], "categorical": ["channel"], "sensitive": [], "latency": "ms", "error": "failed",
}  # fmt: skip
SPEC = spec_from_document({**MINIMAL, "columns": COLUMNS}, "shop.yaml")


def calls(seed: int, rows: int = 5000, days: int = 14, **changes: Any) -> pd.DataFrame:
    """Answers of two weeks: lognormal times around 50 ms, one error in 500."""
    draw = np.random.default_rng(seed)
    score = draw.beta(2, 3, rows)
    frame = pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(rows)],
            "at": pd.Timestamp("2026-03-02") + pd.to_timedelta(draw.random(rows) * days, unit="D"),
            "score": score,
            "decision": (score >= 0.5).astype(int),
            "label": (draw.random(rows) < score).astype(float),
            "amount": draw.normal(0, 1, rows),
            "channel": draw.choice(["web", "shop"], rows),
            "ms": draw.lognormal(np.log(50), 0.6, rows),
            "failed": np.where(draw.random(rows) < 0.002, "timeout", None),
        }
    )
    return frame.assign(**{name: change(frame, draw) for name, change in changes.items()})


def digested(frame: pd.DataFrame, like: WindowDigest | None = None) -> WindowDigest:
    """Digest of rows."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return digest_batches(SPEC, table.to_batches(), like.grid if like else None)


REFERENCE = digested(calls(1))


def judged(frame: pd.DataFrame) -> list[Finding]:
    """Findings on the service."""
    return judge_service(SPEC, POLICY, REFERENCE, digested(frame, REFERENCE))


def breaches(found: list[Finding]) -> set[str]:
    """Metrics that breached."""
    assert {one.category for one in found} == {Category.SERVICE_HEALTH}
    return {one.metric for one in found if one.is_breach}


SLOW: dict[str, tuple[dict[str, Any], set[str]]] = {
    "all answers three times as slow": (
        {"ms": lambda f, _: f["ms"] * 3}, {"latency_p50_ratio", "latency_p95_ratio"},
    ),
    "a tenth of the answers ten times as slow": (
        {"ms": lambda f, draw: f["ms"].where(draw.random(len(f)) > 0.1, f["ms"] * 10)},
        {"latency_p95_ratio", "latency_p99_ratio"},
    ),
    "a tenth of the calls fail": (
        {"failed": lambda f, draw: f["failed"].where(draw.random(len(f)) > 0.1, "500")},
        {"error_share", "error_share_change"},
    ),
    "three in a hundred fail": (
        {"failed": lambda f, draw: f["failed"].where(draw.random(len(f)) > 0.03, "true")},
        {"error_share_change"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW)
def test_a_fault_of_the_service_is_found_in_nearly_every_window(name: str) -> None:
    """In 38 of 40 windows at least the metrics that the fault moves breach, and never one of another kind."""
    changes, expected = SLOW[name]
    found = [breaches(judged(calls(seed, **changes))) for seed in range(40)]
    assert sum(expected <= one for one in found) >= 38
    kinds = {metric.partition("_")[0] for metric in expected}
    assert {metric.partition("_")[0] for one in found for metric in one} == kinds


@pytest.mark.parametrize(
    ("rows", "expected"), [(1500, {"daily_volume_ratio"}), (15_000, {"daily_volume_ratio"})]
)
def test_a_volume_that_fell_or_rose_threefold_is_found(rows: int, expected: set[str]) -> None:
    """A third and three times of 5 000 rows in the same two weeks."""
    assert breaches(judged(calls(3, rows=rows))) == expected


def test_healthy_services_stay_quiet() -> None:
    """150 windows, of a fifth more traffic and a tenth slower at most: none breaches."""
    alarms = [
        breaches(judged(calls(seed, rows=4000 + seed % 3 * 1000, ms=lambda f, _: f["ms"] * 1.1)))
        for seed in range(100, 250)
    ]
    assert not [one for one in alarms if one]


def test_words_for_no_error_are_no_errors() -> None:
    """False, 0, nothing and blanks mean that all went well, whatever type they come in."""
    for value in (False, 0, 0.0, "", "False", "none", None):
        found = judged(calls(4, failed=lambda f, _, v=value: pd.Series([v] * len(f))))
        (share,) = (one for one in found if one.metric == "error_share")
        assert share.value == 0.0


def test_few_slow_answers_do_not_prove_anything() -> None:
    """Forty answers at three times the time: p50 has an interval and may be proven, p99 is inconclusive."""
    found = {one.metric: one for one in judged(calls(5, rows=40, ms=lambda f, _: f["ms"] * 5))}
    assert found["latency_p99_ratio"].verdict is Verdict.INCONCLUSIVE
    assert found["latency_p99_ratio"].interval is None


def test_the_ratio_of_quantiles_is_numpy_s_and_its_interval_covers_the_truth() -> None:
    """Of 200 pairs of windows whose true ratio is 1.5, the 99 % interval of p95 holds it in 190 at least."""
    axis, held = Axis(50, 40), 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        before, now = draw.gamma(4, 12, 3000), 1.5 * draw.gamma(4, 12, 2000)
        ratio = latency_ratio(0.95, NumericProfile.of(axis, before), NumericProfile.of(axis, now))
        assert ratio is not None
        assert ratio.value == pytest.approx(np.quantile(now, 0.95) / np.quantile(before, 0.95), rel=0.02)
        assert ratio.interval is not None
        held += ratio.interval[0] <= 1.5 <= ratio.interval[1]
    assert held >= 190


def test_a_log_without_service_columns_says_nothing() -> None:
    """Neither latency nor error declared: no finding, rather than a pass."""
    spec = spec_from_document(
        {**MINIMAL, "columns": {k: v for k, v in COLUMNS.items() if k not in {"latency", "error"}}}, "s.yaml"
    )
    table = pa.Table.from_pandas(calls(1), preserve_index=False)
    digest = digest_batches(spec, table.to_batches())
    assert judge_service(spec, POLICY, digest, digest) == []


def test_a_window_whose_service_columns_are_gone_has_no_data() -> None:
    """Answer times that are missing altogether are no data, and nothing is called bad of the rows."""
    found = judged(calls(6).drop(columns=["ms", "failed"]))
    assert [one.verdict for one in found if one.metric == "latency"] == [Verdict.NO_DATA]


@pytest.mark.parametrize("name", list(SLOW)[:3])
def test_a_slow_service_is_the_operators_and_no_fault_of_the_rows(name: str) -> None:
    """The call is service_health with the playbook observe: neither data nor model are blamed."""
    changes, _ = SLOW[name]
    current = digested(calls(7, **changes), REFERENCE)
    found = assess(
        SPEC, POLICY, REFERENCE, current, quality=GreatExpectationsGate(POLICY), fairness=FairlearnMetrics()
    )
    assert found.incident is not None
    assert found.incident.categories == ("service_health",)
    assert found.incident.playbook == "observe"
