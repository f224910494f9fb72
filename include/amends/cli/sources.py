"""Where a command finds a model's rows: in the source that the spec names, and which window of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from amends.errors import BadInput

if TYPE_CHECKING:
    from amends.domain.spec import ModelSpec
    from amends.domain.window import Window
    from amends.ports import WindowSource

Rows = Annotated[
    str | None,
    typer.Option("--rows", envvar="AMENDS_ROWS_DSN", help="libpq URL of the rows, for a Postgres source."),
]


def source_of(model: "ModelSpec", rows: str | None) -> "WindowSource":
    """The source that the spec names.

    :param rows: a libpq URL, for a source in PostgreSQL.
    :raises BadInput: the source is no files, and there is no URL.
    """
    from amends.adapters.parquet import ParquetWindows
    from amends.adapters.postgres_windows import PostgresWindows

    if model.source is not None and model.source.kind == "parquet":
        return ParquetWindows(str(model.source.path))
    if rows:
        return PostgresWindows(rows)
    raise BadInput(f"nothing says where the rows of {model.name!r} are. Give --rows, or the files.")


def window_of(model: "ModelSpec", text: str) -> "Window":
    """Read START/END.

    :raises BadInput: the text is no span of time.
    """
    from amends.domain.window import Window, as_utc

    start, _, end = text.partition("/")
    try:
        return Window(model.name, as_utc(start), as_utc(end))
    except ValueError:
        raise BadInput(f"window {text!r} is no span. Write START/END as ISO 8601 times.") from None
