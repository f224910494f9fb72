"""Rows that are wrong in one way each, and what a person who knows the model would expect to be told."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

N = 400
SPEC: dict[str, Any] = {
    "schema_version": 1, "name": "sample", "task": "binary_classification", "importance": "high",
    "owner": "tests", "favourable_label": 1,
    "columns": {
        "id": "id", "timestamp": "at", "model_version": "version", "score": "score",
        "predicted_label": "predicted", "label": "label", "numeric": ["income", "age"],
        "categorical": ["region"], "sensitive": ["sex"], "text": ["note"],
    },
}  # fmt: skip
Columns: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Columns], Columns]

HEALTHY, FOUND, BAD = 0, 1, 2


@dataclass(frozen=True)
class Told:
    """What has to come of it: the exit code, and by whom and how it has to be named.

    ``about``: (verdict, column or attribute) of a finding that has to be there; or, with code 2, pieces of
    the one line on stderr.
    """

    code: int
    about: tuple[Any, ...] = ()


def healthy(seed: int, n: int = N) -> Columns:
    """Rows of a model that is right, about people whose sex plays no part."""
    draw = np.random.default_rng(seed)
    score = draw.beta(2, 2, n)
    start = np.datetime64("2026-01-01", "s") + seed * n * 60
    return {
        "id": pa.array([f"r{seed}-{i}" for i in range(n)]),
        "at": pa.array(start + np.arange(n) * 60),
        "version": pa.array(["v1"] * n),
        "score": pa.array(score),
        "predicted": pa.array((score >= 0.5).astype(np.int8)),
        "label": pa.array((draw.random(n) < score).astype(np.int8)),
        "income": pa.array(np.exp(draw.normal(10, 1, n)).round(2)),
        "age": pa.array(draw.integers(18, 90, n)),
        "region": pa.array(draw.choice(["north", "south", "west"], n)),
        "sex": pa.array(draw.choice(["f", "m"], n)),
        "note": pa.array(["ok"] * n),
    }


def all_of(name: str, value: Any, kind: Any = None) -> Change:
    """One value in every row of a column."""
    return lambda rows: {**rows, name: pa.array([value] * len(rows["id"]), kind)}


def cast(name: str, kind: pa.DataType) -> Change:
    """The same values in another type."""
    return lambda rows: {**rows, name: rows[name].cast(kind, safe=False)}


def some(name: str, value: Any, every: int) -> Change:
    """Another value in each so-many-th row."""
    return lambda rows: {
        **rows,
        name: pa.array(
            [value if i % every == 0 else one for i, one in enumerate(rows[name].to_pylist())],
            rows[name].type,
        ),
    }


def mapped(name: str, change: Callable[[Any], Any], kind: Any = None) -> Change:
    """A function of each value."""
    return lambda rows: {**rows, name: pa.array([change(one) for one in rows[name].to_pylist()], kind)}


def numbered(name: str, change: Callable[[int], Any], kind: Any = None) -> Change:
    """A function of the row's number."""
    return lambda rows: {**rows, name: pa.array([change(i) for i in range(len(rows["id"]))], kind)}


def without(*names: str) -> Change:
    """The rows less some columns."""
    return lambda rows: {name: column for name, column in rows.items() if name not in names}


def renamed(**names: str) -> Change:
    """The same columns by other names."""
    return lambda rows: {names.get(name, name): column for name, column in rows.items()}


def together(*changes: Change) -> Change:
    """One change after another."""

    def change(rows: Columns) -> Columns:
        for one in changes:
            rows = one(rows)
        return rows

    return change


def not_utf8(rows: Columns) -> Columns:
    """A text column whose bytes are no UTF-8, as a broken writer leaves them (a lone surrogate)."""
    odd = pa.array([b"\xed\xa0\x80"] * len(rows["id"]), pa.binary())
    return {**rows, "region": pa.Array.from_buffers(pa.string(), len(odd), odd.buffers())}


def breach(column: str) -> Told:
    """An incident that names the column."""
    return Told(FOUND, (("breach", column),))


def unsure(column: str) -> Told:
    """No incident; that nothing can be said of the column is said."""
    return Told(HEALTHY, (("inconclusive", column),))


def refused(*pieces: str) -> Told:
    """One line on stderr with these pieces."""
    return Told(BAD, pieces)


FINE = Told(HEALTHY)
MARKUP = "</script><img src=x onerror=alert(1)>"

NUMBERS: dict[str, tuple[Change, Told]] = {
    "nulls": (all_of("income", None, pa.float64()), breach("income")),
    "nulls of no type": (all_of("income", None, pa.null()), breach("income")),
    "NaN": (all_of("income", math.nan), breach("income")),
    "NaN in every other row": (some("income", math.nan, 2), breach("income")),
    "infinite": (all_of("income", math.inf), breach("income")),
    "one infinite row": (some("income", math.inf, 1000), FINE),
    "constant": (all_of("income", 1.0), breach("income")),
    "zero": (all_of("income", 0.0), breach("income")),
    "the least double": (all_of("income", 5e-324), breach("income")),
    "near the ends of doubles": (numbered("income", lambda i: (-1) ** i * 1e308), breach("income")),
    "one absurd row": (some("income", 1e300, 1000), FINE),
    "numbers as texts": (mapped("income", str), breach("income")),
    "numbers as texts with n/a": (mapped("income", lambda x: "n/a" if x > 3e4 else str(x)), breach("income")),
    "digits of another script": (all_of("income", "١٢٣"), breach("income")),
    "truth values": (numbered("income", lambda i: i % 2 == 0), breach("income")),
    "decimals": (mapped("income", lambda x: Decimal(str(x)), pa.decimal128(20, 2)), FINE),
    "wide decimals": (mapped("income", lambda x: Decimal(str(x)), pa.decimal256(70, 4)), FINE),
    "huge integers": (all_of("income", 2**63 - 1), breach("income")),
    "huge unsigned integers": (all_of("income", 2**64 - 1, pa.uint64()), breach("income")),
    "times": (all_of("income", 0, pa.timestamp("us")), breach("income")),
    "durations": (all_of("income", 5, pa.duration("s")), breach("income")),
    "lists": (all_of("income", [1.0]), breach("income")),
    "records": (all_of("income", {"a": 1.0}), breach("income")),
    "bytes": (all_of("income", b"\xff\x00"), breach("income")),
    "half precision": (cast("age", pa.float16()), FINE),
    "single precision": (cast("income", pa.float32()), FINE),
    "a narrower integer": (cast("age", pa.int8()), FINE),
    "thousands": (mapped("income", lambda x: x / 1000), breach("income")),
}  # fmt: skip

LEVELS: dict[str, tuple[Change, Told]] = {
    "nulls": (all_of("region", None, pa.string()), breach("region")),
    "numbers": (numbered("region", lambda i: i % 7), breach("region")),
    "doubles with NaN": (numbered("region", lambda i: math.nan if i % 2 else 1.0), breach("region")),
    "bytes": (all_of("region", b"\xff\x00"), breach("region")),
    "lists": (numbered("region", lambda i: ["a"] if i % 2 else None), breach("region")),
    "records": (all_of("region", {"a": {"b": [1]}}), breach("region")),
    "dictionary encoded": (lambda rows: {**rows, "region": rows["region"].dictionary_encode()}, FINE),
    "large texts": (cast("region", pa.large_string()), FINE),
    "no UTF-8": (not_utf8, refused("'region'", "UTF-8")),
    "empty texts": (all_of("region", ""), breach("region")),
    "NUL bytes": (all_of("region", "a\x00b"), breach("region")),
    "markup": (all_of("region", MARKUP), breach("region")),
    "templates": (all_of("region", "{{ conn.db.password }}{% raw %}"), breach("region")),
    "bidi override": (all_of("region", "\u202etxt.exe\u2028"), breach("region")),
    "another case": (mapped("region", str.upper), breach("region")),
    "one megabyte in a cell": (some("region", "x" * 1_000_000, 1000), FINE),
    "300 levels": (numbered("region", lambda i: f"r{i % 300}"), breach("region")),
    "a level a row": (numbered("region", lambda i: f"x{i}"), breach("region")),
    "one level": (all_of("region", "north"), breach("region")),
}  # fmt: skip

PEOPLE: dict[str, tuple[Change, Told]] = {
    "nulls": (all_of("sex", None, pa.string()), breach("sex")),
    "one group": (all_of("sex", "f"), unsure("sex")),
    "numbers": (numbered("sex", lambda i: i % 2), breach("sex")),
    "200 groups": (numbered("sex", lambda i: f"g{i % 200}"), breach("sex")),
    "a group a row": (numbered("sex", lambda i: f"g{i}"), breach("sex")),
    "a few nulls": (some("sex", None, 100), FINE),
    "markup": (all_of("sex", MARKUP), breach("sex")),
}

LABELS: dict[str, tuple[Change, Told]] = {
    "none yet": (all_of("label", None, pa.int8()), Told(HEALTHY, (("no_data", "label"),))),
    "a dozen of them": (lambda r: {**r, "label": pa.array([0, 1] * 6 + [None] * (N - 12))}, FINE),
    "half of them": (some("label", None, 2), FINE),
    "one class": (all_of("label", 1), breach("label")),
    "a third class": (some("label", 2, 4), breach("label")),
    "words": (mapped("label", lambda x: "yes" if x else "no"), breach("label")),
    "digits as texts": (mapped("label", str), breach("label")),
    "truth values": (cast("label", pa.bool_()), FINE),
    "doubles": (cast("label", pa.float64()), FINE),
    "half floats": (cast("label", pa.float16()), FINE),
    "decimals": (mapped("label", Decimal, pa.decimal128(5, 1)), FINE),
    "probabilities": (lambda rows: {**rows, "label": rows["score"]}, breach("label")),
    "1 and 2": (mapped("label", lambda x: x + 1), breach("label")),
    "-1 and 1": (mapped("label", lambda x: 2 * x - 1), breach("label")),
    "huge integers": (all_of("label", 2**63 - 1), breach("label")),
    "lists": (mapped("label", lambda x: [x]), breach("label")),
    "NaN for pending": (mapped("label", lambda x: x or math.nan, pa.float64()), breach("label")),
}  # fmt: skip

ANSWERS: dict[str, tuple[Change, Told]] = {
    "scores null": (all_of("score", None, pa.float64()), breach("score")),
    "scores NaN": (all_of("score", math.nan), breach("score")),
    "scores infinite": (all_of("score", math.inf), breach("score")),
    "scores negative": (mapped("score", lambda x: x - 0.6), breach("score")),
    "scores above 1": (mapped("score", lambda x: x + 0.6), breach("score")),
    "scores in per cent": (mapped("score", lambda x: 100 * x), breach("score")),
    "scores as log-odds": (mapped("score", lambda x: math.log(x / (1 - x))), breach("score")),
    "scores as texts": (mapped("score", str), breach("score")),
    "scores as lists": (mapped("score", lambda x: [1 - x, x]), breach("score")),
    "scores constant": (all_of("score", 0.5), breach("score")),
    "scores in single precision": (cast("score", pa.float32()), FINE),
    "decisions null": (all_of("predicted", None, pa.int8()), breach("predicted")),
    "decisions as words": (mapped("predicted", lambda x: "yes" if x else "no"), breach("predicted")),
    "decisions as probabilities": (lambda rows: {**rows, "predicted": rows["score"]}, breach("predicted")),
    "nobody selected": (all_of("predicted", 0), breach("predicted")),
    "versions null": (all_of("version", None, pa.string()), breach("version")),
    "a version a row": (numbered("version", lambda i: f"v{i}"), FINE),
    "ids all the same": (all_of("id", "same"), breach("id")),
    "ids null": (all_of("id", None, pa.string()), breach("id")),
    "ids as numbers": (numbered("id", lambda i: i), breach("id")),
    "ids as mail addresses": (numbered("id", lambda i: f"ann.{i}@example.com"), breach("id")),
    "notes as numbers": (all_of("note", 3.5), breach("note")),
}  # fmt: skip

TIMES: dict[str, tuple[Change, Told]] = {
    "null": (all_of("at", None, pa.timestamp("us")), breach("at")),
    "a few null": (some("at", None, 1000), unsure("at")),
    "texts": (mapped("at", lambda x: x.isoformat()), breach("at")),
    "the same with a zone": (cast("at", pa.timestamp("us", "Asia/Tokyo")), FINE),
    "in nanoseconds": (cast("at", pa.timestamp("ns")), FINE),
    "the clock's default": (all_of("at", 0, pa.timestamp("s")), breach("at")),
    "of two zones": (
        numbered("at", lambda i: f"2026-01-01T00:00:00{'+02:00' if i % 2 else ''}"),
        refused("'at'", "zone"),
    ),
    "no times": (all_of("at", "yesterday"), refused("'at'", "ISO 8601")),
    "empty texts": (all_of("at", ""), refused("'at'", "ISO 8601")),
    "numbers": (numbered("at", lambda i: 1_700_000_000_000 + i), refused("'at'", "int64")),
    "lists": (all_of("at", ["2026-01-01"]), refused("'at'", "list")),
    "after the year 9999": (all_of("at", 10**12, pa.timestamp("s")), refused("'at'", "year")),
    "before the year 1": (all_of("at", -(10**11), pa.timestamp("s")), refused("'at'", "year")),
    "past 64 bits": (all_of("at", 10**15, pa.timestamp("s")), refused("'at'", "year")),
}  # fmt: skip

SCHEMA: dict[str, tuple[Change, Told]] = {
    "a feature missing": (without("income"), breach("income")),
    "all features missing": (without("income", "age", "region"), breach("region")),
    "a feature in another case": (renamed(income="Income"), breach("income")),
    "an attribute missing": (without("sex"), breach("sex")),
    "a text missing": (without("note"), breach("note")),
    "features swapped": (renamed(income="age", age="income"), breach("income")),
    "a new column": (lambda rows: {**rows, "{{ x }}\u202e": rows["note"]}, FINE),
    "no id": (without("id"), refused("'id'", "missing")),
    "no time": (without("at"), refused("'at'", "missing")),
    "no version": (without("version"), refused("'version'", "missing")),
    "no score": (without("score"), refused("'score'", "missing")),
    "no decision": (without("predicted"), refused("'predicted'", "missing")),
    "no label": (without("label"), refused("'label'", "missing")),
    "only strange columns": (renamed(**{name: f"_{name}" for name in healthy(0, 1)}), refused("missing")),
    "no rows": (lambda rows: {name: column[:0] for name, column in rows.items()}, refused("no rows")),
    "one row": (lambda rows: {name: column[:1] for name, column in rows.items()}, unsure("income")),
    "two rows": (lambda rows: {name: column[:2] for name, column in rows.items()}, unsure("region")),
}  # fmt: skip

CURRENT = {
    f"{part}: {name}": case
    for part, cases in {
        "number": NUMBERS, "level": LEVELS, "group": PEOPLE, "label": LABELS, "answer": ANSWERS,
        "time": TIMES, "schema": SCHEMA,
    }.items()
    for name, case in cases.items()
}  # fmt: skip
"""Faults of the window that is judged."""
