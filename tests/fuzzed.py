"""Frames that no one would write on purpose: any type in any column, on either side, in any mixture."""

import datetime as dt
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from amends.domain.spec import ModelSpec, spec_from_document
from hypothesis import strategies as st
from malformed import healthy

Rows: TypeAlias = dict[str, pa.Array]
NUMBERS = [
    0.0, -0.0, 1.0, 0.5, -1.0, 2.0, 999.0, 1e-300, 5e-324, 1e69, 1e71, 1e139, 1e154, 1e308, -1e308, math.inf,
    -math.inf, math.nan, 0.1, 1e15, 3.0, 1 / 3, None,
]  # fmt: skip
TEXTS = [
    "", " ", "0", "1", "1.0", "-1", "1e5", "nan", "NaN", "inf", "None", "null", "true", "yes", "no",
    "(other)",
    "(rows)", "(positives)", "(key)", "(error)", "a" * 5000, "\x00", "a\x00b", "\u202e", "\u2028", "é",
    "e\u0301",
    "\U0001f600", "</script>", "{{ 7*7 }}", "'; DROP TABLE x; --", "ann@example.com", "4111 1111 1111 1111",
    "١٢", "m", "f", "north", "NORTH", "2026-01-01", "2026-01-01T00:00:00Z", "__class__", "%s",
    "\\", '"', None,
]  # fmt: skip
INTEGERS = [0, 1, 2, -1, 2**31, 2**63 - 1, -(2**63), 100, 7, None]
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TIMES = [DAY, DAY.replace(year=1970), DAY.replace(year=1), DAY.replace(year=9999), None]
KINDS: dict[str, tuple[list[Any], Any]] = {
    "double": (NUMBERS, pa.float64()),
    "float": (NUMBERS, pa.float32()),
    "half": ([0.0, 1.0, 0.5, math.inf, math.nan, None], pa.float16()),
    "text": (TEXTS, pa.string()),
    "large text": (TEXTS, pa.large_string()),
    "text view": (TEXTS, pa.string_view()),
    "integer": (INTEGERS, pa.int64()),
    "unsigned": ([0, 1, 2**64 - 1, None], pa.uint64()),
    "byte": ([0, 1, 2, -128, None], pa.int8()),
    "truth": ([True, False, None], pa.bool_()),
    "decimal": (
        [Decimal("0.0"), Decimal("1.0"), Decimal("-1.5"), Decimal("1e20"), None],
        pa.decimal128(38, 1),
    ),
    "time": (TIMES, pa.timestamp("us", "UTC")),
    "plain time": ([DAY.replace(tzinfo=None), None], pa.timestamp("ns")),
    "day": ([DAY.date(), None], pa.date32()),
    "hour": ([dt.time(1), None], pa.time64("us")),
    "duration": ([dt.timedelta(1), None], pa.duration("us")),
    "bytes": ([b"", b"\xff", b"1", None], pa.binary()),
    "list": ([[], [1.0], [math.nan, None], None], pa.list_(pa.float64())),
    "record": ([{"a": 1}, {"a": None}, None], pa.struct({"a": pa.int64()})),
    "map": ([[("a", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    "levels": (TEXTS, pa.dictionary(pa.int32(), pa.string())),
    "numbered levels": ([1.0, 2.0, math.nan, None], pa.dictionary(pa.int8(), pa.float64())),
    "nothing": ([None], pa.null()),
}
"""Kinds of column, with values that have been trouble somewhere."""
FEATURES = ("income", "age", "region", "sex", "label", "score", "predicted")
"""Columns that are spoilt more often than those without which nothing is judged."""
SPREADS = ("one", "two", "any", "unique")
SIZES = (0, 1, 2, 3, 7, 7, 40, 40, 40, 100, 230, 230, 230, 400, 400, 400)


@dataclass(frozen=True)
class Frames:
    """A spec and the two windows that it is asked about."""

    spec: ModelSpec
    reference: Rows
    current: Rows

    def __repr__(self) -> str:
        """Say it in a few lines: types and the first values."""
        said = [f"{self.spec.task}, favourable {self.spec.favourable_label!r}, {self.spec.columns}"]
        for side, rows in (("reference", self.reference), ("current", self.current)):
            said += [f"  {side}.{name}: {c.type} {c[:4].to_pylist()!s:.90}" for name, c in rows.items()]
        return "\n".join(said)


@st.composite
def specs(draw: st.DrawFn) -> ModelSpec:
    """A spec of any task, with more or fewer columns."""
    columns: dict[str, Any] = {
        "id": "id", "timestamp": "at", "score": "score", "predicted_label": "predicted", "label": "label",
        "numeric": draw(st.sampled_from([["income", "age"], ["income"], []])),
        "categorical": draw(st.sampled_from([["region"], []])),
        "sensitive": draw(st.sampled_from([["sex"], ["sex", "region"], []])),
        "text": draw(st.sampled_from([["note"], []])),
    }  # fmt: skip
    extra = {"model_version": "version", "latency": "wait", "error": "fault"}
    columns |= {part: name for part, name in extra.items() if draw(st.booleans())}
    tasks = ["binary_classification"] * 4 + ["multiclass_classification", "regression"]
    document = {
        "schema_version": 1, "name": "fuzzed", "importance": "high", "owner": "tests", "columns": columns,
        "task": draw(st.sampled_from(tasks)),
        "favourable_label": draw(st.sampled_from([1, 1, 0, None, "yes", ""])),
    }  # fmt: skip
    return spec_from_document(document, "fuzzed.yaml")


@st.composite
def frames(draw: st.DrawFn) -> Frames:
    """Two windows, most columns healthy, some as strange as Arrow allows."""
    return Frames(draw(specs()), draw(windows(seed=0)), draw(windows(seed=1)))


@st.composite
def windows(draw: st.DrawFn, seed: int) -> Rows:
    """One window: healthy rows with some columns replaced, dropped or partly spoilt."""
    n = draw(st.sampled_from(SIZES))
    rows = plus(healthy(seed, n))
    spoilt = draw(st.lists(st.sampled_from([*rows, *FEATURES * 3]), max_size=6, unique=True))
    for name in spoilt:
        change = draw(st.sampled_from(["replaced"] * 5 + ["partly"] * 3 + ["dropped"]))
        if change == "dropped":
            del rows[name]
            continue
        values, kind = KINDS[draw(st.sampled_from([*KINDS]))]
        spread, pick = draw(st.sampled_from(SPREADS)), draw(st.integers(0, 10_000))
        if change == "replaced":
            rows[name] = column(values, kind, spread, n, pick)
        else:
            rows[name] = partly(rows[name], values, pick)
    return rows


def plus(rows: Rows) -> Rows:
    """The rows with what a service may add: latency and an error class."""
    n = len(rows["id"])
    return rows | {"wait": pa.array(np.linspace(5.0, 50.0, n)), "fault": pa.array(["none"] * n)}


def column(values: list[Any], kind: Any, spread: str, n: int, pick: int) -> pa.Array:
    """A column of some of the values, by a seed."""
    rng = np.random.default_rng(pick)
    if spread == "unique" and pa.types.is_string(kind):
        return pa.array([f"u{pick}-{i}" for i in range(n)], kind)
    few = {"one": 1, "two": 2}.get(spread, len(values))
    chosen = [values[i] for i in rng.permutation(len(values))[:few]]
    picked = [chosen[i] for i in rng.integers(0, len(chosen), n)]
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    made = pa.array(picked, plain)
    return made.dictionary_encode().cast(kind) if plain is not kind else made


def partly(healthy_column: pa.Array, values: list[Any], pick: int) -> pa.Array:
    """The column with some of the values in a few rows, where its type takes them."""
    rng = np.random.default_rng(pick)
    kept = healthy_column.to_pylist()
    odd = values[int(rng.integers(0, len(values)))]
    for i in rng.permutation(len(kept))[: max(1, len(kept) // 10)] if kept else ():
        kept[i] = odd
    try:
        return pa.array(kept, healthy_column.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError):
        return healthy_column
