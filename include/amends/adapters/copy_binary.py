"""Rows of PostgreSQL's binary COPY as Arrow record batches: a column of many rows at a time.

A row is the number of its fields (two bytes), then each field's length (four bytes; -1: null) and its bytes.
Numbers are big-endian, times count from 2000-01-01. The first row comes after a header, the last before a
trailer. Source: PostgreSQL 18 documentation, "COPY", section "Binary Format".
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from amends.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Positions = npt.NDArray[np.int64]

FIXED = 19
"""Bytes of the header before its extension: signature, flags, length of the extension."""
TRAILER = b"\xff\xff"

NUMBERS = {
    "smallint": "<i2", "integer": "<i4", "bigint": "<i8", "real": "<f4", "double precision": "<f8",
    "boolean": "<u1", "date": "<i4", "timestamp with time zone": "<i8",
}  # fmt: skip
"""Types whose fields are read as numbers of a fixed size; a field of any other type has to be text."""
EPOCHS = {"date": 10_957, "timestamp with time zone": 946_684_800_000_000}
"""From 1970, where Arrow's days and microseconds begin, to 2000."""
INLINE = 12
"""Bytes of a text that Arrow keeps in its view of it; of a longer one the view has the place."""


def batches(
    blocks: Iterable[list[Any]], schema: "pa.Schema", kinds: Sequence[str]
) -> "Iterator[pa.RecordBatch]":
    """Read the rows of a COPY, given some at a time as bytes or whatever has a buffer of them.

    :param kinds: the fields' types by PostgreSQL's name.
    :raises DataError: a field is not of its type, or a time is infinite.
    """
    begun = False
    for rows in blocks:
        if not begun:
            first, begun = memoryview(rows[0]), True
            rows[0] = first[FIXED + int.from_bytes(first[FIXED - 4 : FIXED], "big") :]
        if rows[-1] == TRAILER:
            rows.pop()
        if rows:
            yield batch_of(rows, schema, kinds)


def batch_of(rows: Sequence[Any], schema: "pa.Schema", kinds: Sequence[str]) -> "pa.RecordBatch":
    """Read the fields of some rows; see :func:`batches`."""
    import numpy as np
    import pyarrow as pa

    ends = np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)))
    data = b"".join([*rows, bytes(16)])  # what is read at a field's start may go beyond its end
    at = np.concatenate([[0], ends[:-1]])
    if (_words(data, "<u2", at) != len(kinds)).any():
        raise DataError("a row has another number of fields than was asked for. Read the window again.")
    at += 2
    columns = []
    for field, kind in zip(schema, kinds, strict=True):
        sizes = _words(data, "<u4", at).view("<i4").astype(np.int64)
        at += 4
        there = sizes >= 0
        sizes[~there] = 0
        valid = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
        if kind in NUMBERS:
            columns.append(_numbers(data, at, field, kind, (sizes, there, valid)))
        else:
            texts = _texts(data, at, sizes, valid)
            columns.append(texts.cast(field.type))
        at += sizes
    if (at != ends).any():
        raise DataError("a row ends elsewhere than its fields do. Read the window again.")
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _gathered(data: bytes, kind: str, at: "Positions") -> Any:
    """The little-endian numbers that begin at some bytes."""
    import numpy as np

    return np.ndarray((len(data) - np.dtype(kind).itemsize + 1,), kind, data, strides=(1,))[at]


def _words(data: bytes, kind: str, at: "Positions") -> Any:
    """The big-endian numbers there: read the other way and then turned, three times as fast in numpy."""
    return _gathered(data, kind, at).byteswap()


def _numbers(
    data: bytes, at: "Positions", field: "pa.Field", kind: str, found: tuple["Positions", Any, Any]
) -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    sizes, there, valid = found
    size = np.dtype(NUMBERS[kind]).itemsize
    if (sizes[there] != size).any():
        raise DataError(f"column {field.name!r} has a field that is no {kind}. Read the window again.")
    numbers = _words(data, f"<u{size}", at).view(NUMBERS[kind])
    if kind == "boolean":
        bits = pa.py_buffer(np.packbits(numbers != 0, bitorder="little"))
        return pa.Array.from_buffers(field.type, len(at), [valid, bits])
    if kind in EPOCHS:
        ends = np.iinfo(numbers.dtype)
        if (((numbers == ends.max) | (numbers == ends.min)) & there).any():
            raise DataError(f"column {field.name!r} holds infinity, which is no time. Write null.")
        numbers = numbers + numbers.dtype.type(EPOCHS[kind])
    else:
        numbers = numbers.astype(field.type.to_pandas_dtype())
    return pa.Array.from_buffers(field.type, len(at), [valid, pa.py_buffer(numbers)])


def _texts(data: bytes, at: "Positions", sizes: "Positions", valid: Any) -> "pa.Array":
    """Texts by Arrow's views: size, then the text or, where it is long, its start, 0 and its place."""
    import numpy as np
    import pyarrow as pa

    views = np.empty((len(at), 4), "<u4")
    views[:, 0] = sizes
    masks = np.array([2 ** (8 * n) - 1 for n in range(9)], "<u8")
    first = _gathered(data, "<u8", at) & masks[np.minimum(sizes, 8)]
    views[:, 1:3] = first.view("<u4").reshape(-1, 2)
    views[:, 3] = _gathered(data, "<u4", at + 8) & masks[np.clip(sizes - 8, 0, 4)].astype("<u4")
    long = np.flatnonzero(sizes > INLINE)
    views[long, 2], views[long, 3] = 0, at[long]
    buffers = [valid, pa.py_buffer(views), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string_view(), len(at), buffers).cast(pa.string())
