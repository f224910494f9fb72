"""A sample of a window's rows that merges like counts do: for questions that several columns answer together.

Worst slices, proxies of a sensitive attribute and what the scores lean on need columns jointly. The sample
holds no id and no text, and a merged window's sample is the one that its rows would have given.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from amends.domain.canonical import Plain
from amends.errors import DataError
from amends.measures.arrow import Counts, Floats
from amends.measures.identities import Keys, mixed

MOST_ROWS = 20_000
MOST_CELLS = 2_000_000
"""Wide windows keep fewer rows: rows times columns stay under this."""
KEY = "(key)"


def sample_rows(columns: int) -> int:
    """How many rows the sample of a window of so many columns keeps."""
    return max(min(MOST_ROWS, MOST_CELLS // max(columns, 1)), 1)


def row_keys(ids: Keys, moments: pa.Array, score: Floats) -> Keys:
    """A number by row that looks drawn at random and is the same wherever the row is read.

    From the id's hash, the time and the score: one mixing of 64 bits each.
    """
    micros = moments.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return mixed(mixed(ids ^ mixed(micros.view(np.uint64))) ^ np.nan_to_num(score).view(np.uint64))


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows with the smallest keys, at most ``size``, in order of key.

    ``rows``: columns ``(key)`` and those of the spec but id, time and texts; numbers as float64, all else as
    text levels (personal data masked).
    """

    size: int
    rows: pa.Table

    @classmethod
    def none(cls) -> "Sample":
        """A sample of no rows and no columns."""
        return cls(0, pa.table({KEY: pa.array([], pa.uint64())}))

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
        return {"size": self.size, "rows": Plain(base64.b64encode(sink.getvalue()).decode())}

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


class SampleTally:
    """A window's sample in the making."""

    def __init__(self, columns: int) -> None:
        """Take how many columns a row has."""
        self._size = sample_rows(columns)
        self._pieces: list[pa.Table] = []
        self._bar = np.uint64(2**64 - 1)

    def drawn(self, keys: Keys) -> Counts:
        """Numbers of the rows that may be in the sample, in order."""
        low = np.flatnonzero(keys < self._bar)
        if len(low) > self._size:
            last = self._size - 1
            self._bar = np.partition(keys[low], last)[last]  # there are enough rows up to it
            low = low[keys[low] <= self._bar]
        return low

    def add(self, rows: pa.Table) -> None:
        """Take the rows that were drawn."""
        self._pieces.append(rows)
        if sum(piece.num_rows for piece in self._pieces) > 2 * self._size:
            kept = smallest(pa.concat_tables(self._pieces), self._size)
            self._pieces, self._bar = [kept], np.uint64(kept.column(KEY)[-1].as_py())

    def sample(self) -> Sample:
        """Return the sample of all rows so far."""
        return Sample(self._size, smallest(pa.concat_tables(self._pieces), self._size))
