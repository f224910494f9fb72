"""Rows in Parquet files, streamed batch by batch."""

import glob
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

    from amends.measures.pieces import Rows

BATCH_ROWS = 65_536
"""Rows in memory at a time where all columns are needed together."""
PART_ROWS = 1 << 20
"""Rows of a part that is decoded a column at a time. Larger row groups are read by BATCH_ROWS."""
LEAST_ROWS = 1 << 16
"""Small row groups are read together until they have so many rows."""


class ParquetWindows:
    """The :class:`amends.ports.WindowSource` over Parquet files: paths, folders or globs."""

    def __init__(self, *paths: str | Path) -> None:
        self.paths = tuple(str(path) for path in paths)

    def batches(self, spec: ModelSpec, window: Window | None) -> "Iterator[pa.RecordBatch]":
        """Rows of a window in file order (None: all).

        :raises DataError: no file, a file that is not Parquet or is damaged, a time column that is missing or
            holds no times.
        """
        for path in self._files():
            with _told(path), _open(path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=_columns(spec, file)):
                    yield batch if window is None else _within(batch, spec.columns.timestamp, window)

    def parts(self, spec: ModelSpec, window: Window | None) -> "Iterator[Rows]":
        """Rows of a window in file order, in parts that decode a column when it is asked for.

        :raises DataError: as :meth:`batches`.
        """
        for path in self._files():
            with _told(path), _open(path) as file:
                if _twice(file):
                    yield from file.iter_batches(BATCH_ROWS)
                    continue
                for rows in _parts(path, spec, file):
                    yield rows if window is None else _within(rows, spec.columns.timestamp, window)

    def span(self, spec: ModelSpec) -> tuple[datetime, datetime] | None:
        """First and last event time there is, or None where there are no rows."""
        from amends.measures.arrow import span_of

        name = spec.columns.timestamp
        spans = [span_of(_column(batch, name), name) for batch in self.batches(spec, None) if batch.num_rows]
        known = [span for span in spans if span]
        return (min(a for a, _ in known), max(b for _, b in known)) if known else None

    def size(self) -> int:
        """Bytes of all files. :raises DataError: there is no such file."""
        return sum(path.stat().st_size for path in self._files())

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


@contextmanager
def _told(path: Path) -> "Iterator[None]":
    """Say which file an error is about."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read ({_line(error)}). Write the file again.") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _open(path: Path, **options: Any) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, **options)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError("not a Parquet file. Give one, or convert it.") from None


def _columns(spec: ModelSpec, file: "pq.ParquetFile") -> list[str] | None:
    """Columns to decode: those of the spec, unless other columns have to be seen to say what is wrong."""
    names = file.schema_arrow.names
    return None if _twice(file) else [name for name in spec.columns.all if name in names]


def _twice(file: "pq.ParquetFile") -> bool:
    names = file.schema_arrow.names
    return len(set(names)) < len(names)


class _Readers:
    """Open readers of one file, for one thread each: a Parquet reader is not to be shared.

    Columns of texts that are read as levels keep the file's dictionary.
    """

    def __init__(self, path: Path, spec: ModelSpec, file: "pq.ParquetFile") -> None:
        import pyarrow as pa

        from amends.measures.digests import categorical_columns, scanned_columns

        self.schema, self._path = file.schema_arrow, path
        levels = {*categorical_columns(spec), spec.columns.model_version} - {*scanned_columns(spec)}
        texts = [field.name for field in self.schema if field.type in {pa.string(), pa.large_string()}]
        self._open = partial(
            _open, path, metadata=file.metadata, read_dictionary=[name for name in texts if name in levels]
        )
        self._idle: SimpleQueue[pq.ParquetFile] = SimpleQueue()

    @contextmanager
    def lent(self) -> "Iterator[pq.ParquetFile]":
        """Lend a reader. :raises DataError: what was read with it is damaged."""
        with _told(self._path):
            try:
                reader = self._idle.get_nowait()
            except Empty:
                reader = self._open()
            yield reader
        self._idle.put(reader)

    def close(self) -> None:
        """Close the readers."""
        while not self._idle.empty():
            self._idle.get().close()


@dataclass(frozen=True, slots=True)
class _Part:
    """Row groups that are read a column at a time."""

    readers: _Readers
    groups: "Sequence[int]"
    num_rows: int

    @property
    def schema(self) -> "pa.Schema":
        """Names and types as stored."""
        return self.readers.schema

    def column(self, name: str) -> "pa.ChunkedArray":
        """Decode one column. :raises DataError: its pages are damaged."""
        with self.readers.lent() as reader:
            return reader.read_row_groups(self.groups, columns=[name], use_threads=False).column(0)

    def slices(self, name: str, rows: int) -> "Iterator[pa.Array]":
        """Decode one column, so many rows at a time. :raises DataError: its pages are damaged."""
        with self.readers.lent() as reader:
            for batch in reader.iter_batches(rows, row_groups=self.groups, columns=[name], use_threads=False):
                yield batch.column(0)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Those rows of a part that a mask keeps."""

    part: "Rows"
    mask: "pa.Array"
    num_rows: int

    @property
    def schema(self) -> "pa.Schema":
        """Names and types as stored."""
        return self.part.schema

    def column(self, name: str) -> "pa.Array":
        """Decode one column, and keep the rows."""
        return self.part.column(name).filter(self.mask)


def _parts(path: Path, spec: ModelSpec, file: "pq.ParquetFile") -> "Iterator[Rows]":
    """Row groups: small ones together, a very large one in batches."""
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    with closing(_Readers(path, spec, file)) as readers:
        for groups in _together(sizes):
            rows = sum(sizes[group] for group in groups)
            if rows <= PART_ROWS:
                yield _Part(readers, groups, rows)
            else:
                yield from file.iter_batches(BATCH_ROWS, row_groups=groups, columns=_columns(spec, file))


def _together(sizes: "Sequence[int]") -> "Iterator[list[int]]":
    groups: list[int] = []
    for group, rows in enumerate(sizes):
        if groups and sum(sizes[one] for one in groups) + rows > PART_ROWS:
            yield groups
            groups = []
        groups.append(group)
        if sum(sizes[one] for one in groups) >= LEAST_ROWS:
            yield groups
            groups = []
    if groups:
        yield groups


def _column(rows: "Rows", name: str) -> "pa.Array":
    if name not in rows.schema.names:
        raise DataError(f"column {name!r} (columns.timestamp) is missing. Add it or correct the spec.")
    return rows.column(name)


def _within(rows: Any, name: str, window: Window) -> Any:
    """Those rows whose time is in the window."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from amends.measures.arrow import as_moments

    moments = as_moments(_column(rows, name), name)
    start, end = (pa.scalar(moment.astimezone(UTC), moments.type) for moment in (window.start, window.end))
    mask = pc.and_(pc.greater_equal(moments, start), pc.less(moments, end)).fill_null(False)
    kept = pc.sum(mask).as_py() or 0
    if kept == rows.num_rows:
        return rows
    return rows.filter(mask) if isinstance(rows, pa.RecordBatch) else _Kept(rows, mask, kept)


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
