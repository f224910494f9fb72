"""A prediction log in memory, for tests of whatever stands on the WindowSource port."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from amends.domain.spec import ModelSpec
    from amends.domain.window import Window

BATCH = 1000


class FakeSource:
    """Serves the rows of a frame, in batches, in the frame's order."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows

    def batches(self, spec: "ModelSpec", window: "Window | None") -> Iterator[pa.RecordBatch]:
        """Rows of a window."""
        rows = self.rows
        if window is not None:
            at = rows[spec.columns.timestamp]
            rows = rows[(at >= window.start) & (at < window.end)]
        table = pa.Table.from_pandas(rows[list(spec.columns.all)], preserve_index=False)
        yield from table.to_batches(max_chunksize=BATCH)

    def span(self, spec: "ModelSpec") -> tuple[datetime, datetime] | None:
        """First and last event time."""
        at = self.rows[spec.columns.timestamp]
        return (at.min().to_pydatetime(), at.max().to_pydatetime()) if len(at) else None
