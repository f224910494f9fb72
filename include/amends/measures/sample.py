"""A sample of a window's rows that merges like counts do: for questions that several columns answer together.

Worst slices, proxies of a sensitive attribute and what the scores lean on need columns jointly. The sample
holds no id and no text, and a merged window's sample is the one that its rows would have given.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from amends.errors import DataError
from amends.measures.arrow import Floats

MOST_ROWS = 20_000
MOST_CELLS = 2_000_000
"""Wide windows keep fewer rows: rows times columns stay under this."""
KEY = "(key)"
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

Keys = npt.NDArray[np.uint64]


def sample_rows(columns: int) -> int:
    """How many rows the sample of a window of so many columns keeps."""
    return max(min(MOST_ROWS, MOST_CELLS // max(columns, 1)), 1)


def row_keys(ids: pa.Array, moments: pa.Array, score: Floats) -> Keys:
    """A number by row that looks drawn at random and is the same wherever the row is read.

    From the id's bytes, the time and the score: one mixing of 64 bits each (splitmix64).
    Source: Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators".
    """
    micros = moments.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    key = _mixed(_hashed(ids) ^ _mixed(micros.view(np.uint64)))
    return _mixed(key ^ _mixed(np.nan_to_num(score).view(np.uint64)))


def _mixed(x: Keys) -> Keys:
    with np.errstate(over="ignore"):
        x = (x + _MULTIPLIER).astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def _hashed(texts: pa.Array) -> Keys:
    """Hash texts by their bytes and places: no two texts that people write give one number."""
    texts = texts.cast(pa.large_binary()).fill_null(b"")
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    found = np.zeros(len(texts), np.uint64)
    lengths = np.diff(ends)
    total = int(ends[-1] - ends[0])
    if total == 0:
        return found
    octets = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    place = np.arange(total) - np.repeat(ends[:-1] - ends[0], lengths)
    weighed = _mixed((octets.astype(np.uint64) << np.uint64(32)) ^ place.astype(np.uint64))
    filled = lengths > 0
    found[filled] = np.add.reduceat(weighed, (ends[:-1] - ends[0])[filled])
    return found


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows with the smallest keys, at most ``size``, in order of key.

    ``rows``: columns ``(key)`` and those of the spec but id, time and texts; numbers as float64, all else as
    text levels (personal data masked).
    """

    size: int
    rows: pa.Table

    @property
    def bar(self) -> int:
        """A row whose key is at or over this is not kept."""
        return int(self.rows.column(KEY)[-1].as_py()) if self.rows.num_rows >= self.size else 2**64 - 1

    def merge(self, other: "Sample") -> "Sample":
        """Sample of both windows' rows. :raises DataError: they hold other columns."""
        if self.size != other.size or self.rows.column_names != other.rows.column_names:
            raise DataError("digests of other columns cannot be merged. Digest both by one spec.")
        return Sample(self.size, smallest(pa.concat_tables([self.rows, other.rows]), self.size))

    def numbers(self, name: str) -> Floats:
        """A numeric column; NaN where null."""
        found: Floats = self.rows.column(name).to_numpy()
        return found

    def document(self) -> dict[str, Any]:
        """Return the sample as JSON: an Arrow stream in base64."""
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, self.rows.schema, options=options) as writer:
            writer.write_table(self.rows.combine_chunks())
        return {"size": self.size, "rows": base64.b64encode(sink.getvalue()).decode()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Sample":
        """Rebuild the sample from :meth:`document`."""
        with pa.ipc.open_stream(base64.b64decode(document["rows"])) as reader:
            return cls(document["size"], reader.read_all())


def smallest(rows: pa.Table, size: int) -> pa.Table:
    """The rows with the smallest keys, in order of key."""
    keys = rows.column(KEY).to_numpy()
    order = np.argsort(keys, kind="stable")[:size]
    return rows.take(pa.array(order)).combine_chunks()
