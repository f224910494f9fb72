"""Whatever the rows look like, a check gives typed verdicts in strict JSON, or one clear line of error."""

import json
import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.canonical import canonical_json
from amends.domain.spec import spec_from_document
from amends.errors import DataError
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.workflow.assess import assess

# Great Expectations imports a module that Python 3.11 deprecates; the warning is not about our rows.
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_constants' is deprecated:DeprecationWarning")

SPEC = spec_from_document(
    {
        "schema_version": 1, "name": "sample", "task": "binary_classification", "importance": "high",
        "owner": "tests", "favourable_label": 1,
        "columns": {
            "id": "id", "timestamp": "at", "model_version": "version", "score": "score",
            "predicted_label": "predicted", "label": "label", "numeric": ["income"],
            "categorical": ["region"], "sensitive": ["sex"], "text": ["note"],
        },
    },
    "sample.yaml",
)  # fmt: skip
POLICY = load_policy()
N = 400


def rows(n: int = N, seed: int = 0) -> dict[str, pa.Array]:
    """Healthy rows: scores that fit the labels, two equal groups."""
    draw = np.random.default_rng(seed)
    score = draw.beta(2, 2, n)
    return {
        "id": pa.array([f"r{seed}-{i}" for i in range(n)]),
        "at": pa.array(np.datetime64("2026-01-01", "s") + np.arange(n) * 60),
        "version": pa.array(["v1"] * n),
        "score": pa.array(score),
        "predicted": pa.array((score >= 0.5).astype(np.int8)),
        "label": pa.array((draw.random(n) < score).astype(np.int8)),
        "income": pa.array(draw.lognormal(10, 1, n)),
        "region": pa.array(draw.choice(["north", "south"], n)),
        "sex": pa.array(draw.choice(["f", "m"], n)),
        "note": pa.array(["ok"] * n),
    }


def digest(columns: dict[str, pa.Array], like: WindowDigest | None = None) -> WindowDigest:
    """Digest columns as one batch."""
    return digest_batches(SPEC, [pa.record_batch(columns)], like.grid if like else None)


def check(reference: WindowDigest, current: WindowDigest) -> dict[str, object]:
    """Assess and return the document, as strict JSON gives it back."""
    found = assess(
        SPEC, POLICY, reference, current, quality=GreatExpectationsGate(POLICY), fairness=FairlearnMetrics()
    )
    return json.loads(canonical_json(found.document()))


MALFORMED = {
    "income all null": {"income": pa.nulls(N, pa.float64())},
    "income of no type": {"income": pa.nulls(N)},
    "income all infinite": {"income": pa.array([math.inf] * N)},
    "income all NaN": {"income": pa.array([math.nan] * N)},
    "income constant": {"income": pa.array([1.0] * N)},
    "income near the end of doubles": {"income": pa.array([1e308, -1e308] * (N // 2))},
    "income as text": {"income": pa.array(["12", " 7.5 ", "1e3", "n/a"] * (N // 4))},
    "income as truth values": {"income": pa.array([True, False] * (N // 2))},
    "income as decimals": {"income": pa.array([Decimal("1.5")] * N)},
    "income as huge integers": {"income": pa.array([2**63 - 1] * N)},
    "income as unsigned": {"income": pa.array([2**64 - 1] * N, pa.uint64())},
    "income as times": {"income": pa.array(np.full(N, np.datetime64("2026-01-01", "s")))},
    "income as lists": {"income": pa.array([[1.0]] * N)},
    "region as numbers": {"region": pa.array(np.arange(N) % 7)},
    "region as doubles with NaN": {"region": pa.array([1.0, math.nan] * (N // 2))},
    "region as bytes": {"region": pa.array([b"\xff\x00"] * N)},
    "region as lists": {"region": pa.array([["a"], None] * (N // 2))},
    "region as records": {"region": pa.array([{"a": 1}] * N)},
    "region dictionary encoded": {"region": pa.array(["north", "south"] * (N // 2)).dictionary_encode()},
    "region different in each row": {"region": pa.array([f"x{i}" for i in range(N)])},
    "region with markup": {"region": pa.array(["</script><img src=x onerror=alert(1)>"] * N)},
    "region a megabyte long": {"region": pa.array(["x" * 1_000_000, *["north"] * (N - 1)])},
    "no labels": {"label": pa.nulls(N, pa.int8())},
    "few labels": {"label": pa.array([1, 0, *[None] * (N - 2)], pa.int8())},
    "labels of one class": {"label": pa.array([1] * N)},
    "a third class": {"label": pa.array([0, 1, 2, 1] * (N // 4))},
    "labels as words": {"label": pa.array(["yes", "no"] * (N // 2))},
    "labels as truth values": {"label": pa.array([True, False] * (N // 2))},
    "labels as doubles": {"label": pa.array([1.0, 0.0] * (N // 2))},
    "labels as probabilities": {"label": pa.array(np.linspace(0.1, 0.9, N))},
    "scores out of range": {"score": pa.array(np.linspace(-1, 2, N))},
    "scores in per cent": {"score": pa.array(np.linspace(0, 100, N))},
    "scores null": {"score": pa.nulls(N, pa.float64())},
    "scores at the ends": {"score": pa.array([0.0, 1.0] * (N // 2))},
    "scores constant": {"score": pa.array([0.5] * N)},
    "predictions null": {"predicted": pa.nulls(N, pa.int8())},
    "predictions as words": {"predicted": pa.array(["yes", "no"] * (N // 2))},
    "nobody selected": {"predicted": pa.array([0] * N)},
    "sex null": {"sex": pa.nulls(N, pa.string())},
    "one sex": {"sex": pa.array(["f"] * N)},
    "sex different in each row": {"sex": pa.array([f"s{i}" for i in range(N)])},
    "a version for each row": {"version": pa.array([f"v{i}" for i in range(N)])},
    "no version": {"version": pa.nulls(N, pa.string())},
    "one id": {"id": pa.array(["same"] * N)},
    "ids null": {"id": pa.nulls(N, pa.string())},
    "ids as numbers": {"id": pa.array(np.arange(N))},
    "times null": {"at": pa.nulls(N, pa.timestamp("us"))},
    "times as text": {"at": pa.array(["2026-01-01T00:00:00Z"] * N)},
    "times as dates": {"at": pa.array(np.full(N, np.datetime64("2026-01-01", "D")))},
    "times with a zone": {"at": pa.nulls(N, pa.timestamp("us", "Asia/Tokyo")).fill_null(0)},
    "income missing": {"income": None},
    "sex missing": {"sex": None},
    "note missing": {"note": None},
}  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> WindowDigest:
    """A healthy reference."""
    return digest(rows())


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_windows_get_typed_verdicts(case: str, reference: WindowDigest) -> None:
    """No malformed column ends in a traceback, a NaN or a number that JSON does not know."""
    columns = {
        name: column for name, column in {**rows(seed=1), **MALFORMED[case]}.items() if column is not None
    }
    document = check(reference, digest(columns, reference))
    verdicts = {finding["verdict"] for finding in document["findings"]}
    assert verdicts <= {"pass", "breach", "inconclusive", "no_data", "error"}


@pytest.mark.parametrize("case", [name for name in MALFORMED if not name.endswith("missing")])
def test_malformed_references_get_typed_verdicts(case: str) -> None:
    """The same holds where the reference is what is malformed."""
    reference = digest({**rows(), **MALFORMED[case]})
    assert check(reference, digest(rows(seed=1), reference))["findings"]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_windows_decide_nothing(n: int, reference: WindowDigest) -> None:
    """A handful of healthy rows opens no incident: too little is known, and that is said."""
    document = check(reference, digest(rows(n, seed=1), reference))
    assert document["incident"] is None
    judged = {f["verdict"] for f in document["findings"] if f["category"] in {"data_drift", "performance"}}
    assert judged == {"inconclusive"}


def test_an_empty_window_is_bad_input(reference: WindowDigest) -> None:
    """No rows are no evidence of health."""
    with pytest.raises(DataError, match="has no rows"):
        digest_batches(SPEC, [], reference.grid)
    with pytest.raises(DataError, match="has no rows"):
        digest_batches(SPEC, [pa.record_batch(rows(0))])


@pytest.mark.parametrize("name", ["id", "at", "version", "score", "predicted", "label"])
def test_a_role_column_that_is_missing_is_named(name: str, reference: WindowDigest) -> None:
    """Without the columns that play a part, a window cannot be read at all."""
    columns = rows(seed=1)
    del columns[name]
    with pytest.raises(DataError, match=f"column '{name}'.* missing"):
        digest(columns, reference)


def test_a_reference_needs_every_column() -> None:
    """A feature that the reference lacks is a mistake in the spec or in the reference."""
    columns = rows()
    del columns["income"]
    with pytest.raises(DataError, match=r"'income'.* missing"):
        digest(columns)


@pytest.mark.parametrize(
    "times",
    [
        pa.array(range(N)),
        pa.array(["yesterday"] * N),
        pa.array(["2026-01-01T00:00:00Z", "2026-01-01"] * (N // 2)),
    ],
)
def test_times_that_are_none_are_named(times: pa.Array) -> None:
    """A time column of numbers or of other texts is refused by name."""
    with pytest.raises(DataError, match="timestamp column 'at'"):
        digest({**rows(), "at": times})


def test_two_columns_of_one_name_are_refused() -> None:
    """Which of them would be meant is not ours to guess."""
    columns = rows()
    batch = pa.record_batch([*columns.values(), columns["income"]], names=[*columns, "income"])
    with pytest.raises(DataError, match="two columns named 'income'"):
        digest_batches(SPEC, [batch])
