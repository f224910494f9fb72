"""Arrow columns as numpy arrays: what a column holds, whatever type it arrived in."""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from amends.errors import DataError

Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds since 1970 of the first moment of the year 1 and of the last one of 9999."""
NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


def as_floats(column: pa.Array | pa.ChunkedArray) -> tuple[Floats, int]:
    """Read a column as numbers; null is NaN.

    :returns: the numbers, and how many values were there but are no numbers (NaN in the result, too).
    """
    column = _plain(column)
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        good = pc.if_else(pc.match_substring_regex(column, NUMBER), column, pa.scalar(None, kind))
        unreadable = int(good.null_count - column.null_count)
        return _numpy(pc.utf8_trim_whitespace(good).cast(pa.float64())), unreadable
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return np.full(len(column), np.nan), len(column) - column.null_count
    return _numpy(column.cast(pa.float64(), safe=False)), 0


def as_texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Read a column as texts: 1, 1.0 and true are the text ``1``; NaN is null."""
    column = _plain(column)
    kind = column.type
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    elif pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        column = pa.array(
            [None if value is None else repr(value) for value in column.to_pylist()], pa.string()
        )
    texts = column.cast(pa.string())
    if pa.types.is_decimal(kind) and kind.scale > 0:
        texts = pc.replace_substring_regex(texts, r"^([+-]?\d+\.\d*?)0+$", r"\1")
        texts = pc.replace_substring_regex(texts, r"\.$", "")
    return texts


def as_levels(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """Read a column as text levels (see :func:`as_texts`), dictionary encoded: each level there is, once."""
    column = _single(column)
    kind = column.type
    if pa.types.is_float16(kind):
        column = column.cast(pa.float32())  # Arrow encodes no half floats
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        column = column.dictionary_encode()
    if not pa.types.is_dictionary(column.type):
        return as_texts(column).dictionary_encode()
    return relabelled(column.indices, as_texts(column.dictionary))


def relabelled(indices: pa.Array, texts: pa.Array) -> pa.DictionaryArray:
    """Levels by index, where one text may stand for several indices, for none, or be null."""
    indices = indices.cast(pa.int32())
    codes = indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    seen = np.bincount(codes, minlength=len(texts) + 1)[:-1] > 0
    names = texts.filter(pa.array(seen)).dictionary_encode()
    if seen.all() and not names.null_count and len(names.dictionary) == len(texts):
        return pa.DictionaryArray.from_arrays(indices, names.dictionary)
    place = np.full(len(texts) + 1, -1, np.int32)
    place[:-1][seen] = names.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    codes = place[codes]
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), names.dictionary)


def level_codes(levels: pa.DictionaryArray) -> Counts:
    """Number of each row's level; nulls have the number after the last."""
    codes: Counts = levels.indices.fill_null(len(levels.dictionary)).to_numpy(zero_copy_only=False)
    return codes


def as_moments(column: pa.Array | pa.ChunkedArray, name: str) -> pa.Array:
    """Read a column as moments in UTC, to the microsecond; a time without a zone is UTC.

    :raises DataError: the column holds no times.
    """
    column = _plain(column)
    kind = column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (text or pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise DataError(f"timestamp column {name!r} has type {kind}; write timestamps or ISO 8601 texts.")
    try:
        zoned = (text and _zoned(column)) or getattr(kind, "tz", None)
        if not zoned:
            column = column.cast(options=_whole(pa.timestamp("us")))
        moments = column.cast(options=_whole(pa.timestamp("us", "UTC")))
    except pa.ArrowInvalid:
        wrong = "a text that is no ISO 8601 time, or mixes zones" if text else "a time in no year"
        raise DataError(f"timestamp column {name!r} holds {wrong}. Correct it.") from None
    ends = pc.min_max(moments.cast(pa.int64())).as_py()
    if ends["min"] is not None and not FIRST <= ends["min"] <= ends["max"] <= LAST:
        raise DataError(
            f"timestamp column {name!r} holds a time outside the years 1 to 9999; write null for unknown."
        )
    return moments


def ends_of(moments: pa.Array) -> tuple[datetime, datetime] | None:
    """First and last of moments in UTC; None where all are null."""
    ends = pc.min_max(
        moments.cast(pa.int64())
    ).as_py()  # as numbers: Arrow imports pandas to make a time of one
    if ends["min"] is None:
        return None
    first, last = (EPOCH + timedelta(microseconds=ends[end]) for end in ("min", "max"))
    return first, last


def span_of(column: pa.Array | pa.ChunkedArray, name: str) -> tuple[datetime, datetime] | None:
    """First and last moment of a time column in UTC; None where all is null.

    :raises DataError: the column holds no times.
    """
    return ends_of(as_moments(column, name))


def _single(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.unify_dictionaries().combine_chunks()


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    column = _single(column)
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def _whole(kind: pa.DataType) -> pc.CastOptions:
    """A cast that may drop fractions of a microsecond but never wraps around."""
    return pc.CastOptions(kind, allow_time_truncate=True)


def _numpy(column: pa.Array | pa.ChunkedArray) -> Floats:
    numbers: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return numbers


def _zoned(column: pa.Array | pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, r"(Z|[+-]\d\d:?\d\d)$")).as_py())
