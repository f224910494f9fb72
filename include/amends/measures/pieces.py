"""A window in pieces of a fit size, each giving the spec's columns one at a time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.profiles import SLICE

MOST_ROWS = 8 * SLICE
"""Rows of a piece: a column of one is held in memory at a time."""


class Rows(Protocol):
    """Rows whose columns can be had one by one: a record batch, a table, a part of a file."""

    @property
    def num_rows(self) -> int:
        """How many rows."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns as they were stored."""

    def column(self, name: str) -> pa.Array:
        """One column, chunked or not. Several threads may ask at once."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Some rows in order; a column that they lack is all null."""

    rows: int
    types: Mapping[str, str]
    source: Rows

    def column(self, name: str) -> pa.Array:
        """One column. :raises DataError: its texts are not UTF-8."""
        return _readable(name, self.source.column(name)) if name in self.types else pa.nulls(self.rows)

    def slices(self, name: str) -> Iterator[pa.Array]:
        """One column, SLICE rows after SLICE rows: from a source that can, none is decoded before its turn.

        :raises DataError: its texts are not UTF-8.
        """
        decoded = getattr(self.source, "slices", None)
        if decoded and name in self.types:
            yield from (_readable(name, part) for part in decoded(name, SLICE))
            return
        column = self.column(name)
        yield from (column.slice(at, SLICE) for at in range(0, self.rows, SLICE))


def _readable(name: str, column: pa.Array) -> pa.Array:
    levels = pa.types.is_dictionary(column.type)
    kind = column.type.value_type if levels else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        try:
            for part in _parts(column):
                (part.dictionary if levels else part).validate(full=True)
        except pa.ArrowInvalid:
            raise DataError(f"column {name!r} holds text that is not UTF-8. Write it as UTF-8.") from None
    return column


def _parts(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def pieces(spec: ModelSpec, batches: Iterable[Rows], *, reference: bool) -> Iterator[Piece]:
    """Cut the rows in pieces.

    :param reference: whether every column of the spec has to be there, not only those that judge the rest.
    :raises DataError: a column is missing, or is there twice.
    """
    checked: pa.Schema | None = None
    for rows in _gathered(batch for batch in batches if batch.num_rows):
        if checked is None or rows.schema != checked:
            checked = rows.schema
            _check(spec, checked.names, reference=reference)
            types = {field.name: str(field.type) for field in checked}
        yield Piece(rows.num_rows, types, rows)


def _check(spec: ModelSpec, there: list[str], *, reference: bool) -> None:
    c = spec.columns
    twice = sorted({name for name in there if there.count(name) > 1}) if len(set(there)) < len(there) else []
    if twice:
        raise DataError(f"the rows have two columns named {twice[0]!r}. Rename one.")
    spared = () if reference else (*c.features, *c.sensitive, *c.text, c.latency, c.error)
    missing = [repr(name) for name in c.all if name not in there and name not in spared]
    if missing:
        named = f"column {missing[0]}" if len(missing) == 1 else f"columns {', '.join(missing)}"
        raise DataError(
            f"{named} of spec {spec.name!r} {'is' if len(missing) == 1 else 'are'} missing. "
            f"Add {'it' if len(missing) == 1 else 'them'} to the rows or correct the spec."
        )


def _gathered(batches: Iterable[Rows]) -> Iterator[Rows]:
    """Put small record batches together up to SLICE rows, and cut large ones at MOST_ROWS."""
    small: list[pa.RecordBatch] = []
    for batch in batches:
        if small and not (isinstance(batch, pa.RecordBatch) and batch.schema == small[0].schema):
            yield _joined(small)
            small = []
        if not isinstance(batch, pa.RecordBatch):
            yield batch
            continue
        small.append(batch)
        if sum(one.num_rows for one in small) >= SLICE:
            joined, small = _joined(small), []
            yield from (joined.slice(at, MOST_ROWS) for at in range(0, joined.num_rows, MOST_ROWS))
    if small:
        yield _joined(small)


def _joined(batches: list[pa.RecordBatch]) -> Any:
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches)
