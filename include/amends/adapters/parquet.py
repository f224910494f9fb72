"""Rows in Parquet files, streamed batch by batch."""

import glob
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 65_536
"""Rows in memory at a time; part of a digest's identity, since sums are added batch by batch."""


class ParquetWindows:
    """The :class:`amends.ports.WindowSource` over Parquet files: paths, folders or globs."""

    def __init__(self, *paths: str | Path) -> None:
        self.paths = tuple(str(path) for path in paths)

    def batches(self, spec: ModelSpec, window: Window | None) -> "Iterator[pa.RecordBatch]":
        """Rows of a window in file order (None: all).

        :raises DataError: no file, a file that is not Parquet or is damaged, a time column that is missing or
            holds no times.
        """
        import pyarrow as pa

        for path in self._files():
            try:
                with _open(path) as file:
                    for batch in file.iter_batches(BATCH_ROWS, columns=_columns(spec, file)):
                        yield batch if window is None else _within(batch, spec.columns.timestamp, window)
            except (pa.ArrowException, OSError) as error:
                raise DataError(f"{path}: cannot be read ({_line(error)}). Write the file again.") from None
            except DataError as error:
                raise DataError(f"{path}: {error}") from None

    def span(self, spec: ModelSpec) -> tuple[datetime, datetime] | None:
        """First and last event time there is, or None where there are no rows."""
        from amends.measures.arrow import span_of

        name = spec.columns.timestamp
        spans = [span_of(_column(batch, name), name) for batch in self.batches(spec, None) if batch.num_rows]
        known = [span for span in spans if span]
        return (min(a for a, _ in known), max(b for _, b in known)) if known else None

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for text in self.paths:
            path = Path(text)
            if path.is_dir():
                mine: Sequence[Path] = sorted(path.glob("**/*.parquet"))
            elif path.exists():
                mine = [path]
            else:
                mine = [Path(name) for name in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207 - absolute globs
            if not mine:
                raise DataError(f"{text}: no such Parquet file. Correct the path.")
            found += mine
        return found


def _open(path: Path) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError("not a Parquet file. Give one, or convert it.") from None


def _columns(spec: ModelSpec, file: "pq.ParquetFile") -> list[str] | None:
    """Columns to decode: those of the spec, unless other columns have to be seen to say what is wrong."""
    names = file.schema_arrow.names
    return None if len(set(names)) < len(names) else [name for name in spec.columns.all if name in names]


def _column(batch: "pa.RecordBatch", name: str) -> "pa.Array":
    if name not in batch.schema.names:
        raise DataError(f"column {name!r} (columns.timestamp) is missing. Add it or correct the spec.")
    return batch.column(name)


def _within(batch: "pa.RecordBatch", name: str, window: Window) -> "pa.RecordBatch":
    import pyarrow as pa
    import pyarrow.compute as pc

    from amends.measures.arrow import as_moments

    moments = as_moments(_column(batch, name), name)
    start, end = (pa.scalar(moment.astimezone(UTC), moments.type) for moment in (window.start, window.end))
    return batch.filter(pc.and_(pc.greater_equal(moments, start), pc.less(moments, end)))


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
