"""`amends gate`: judge a candidate beside its champion on the same rows, without Airflow or a database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pyarrow as pa

    from amends.domain.spec import ModelSpec
    from amends.domain.validation import Validation

Spec = Annotated[Path, typer.Option("--spec", help="The model's spec (YAML).")]
Reference = Annotated[list[str], typer.Option("--reference", help="Parquet or a .digest; may be repeated.")]
Champion = Annotated[
    str, typer.Option("--current", help="Parquet: labelled rows as the champion scored them.")
]
Candidate = Annotated[
    str, typer.Option("--candidate", help="Parquet: the same rows scored by the candidate.")
]
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="Another policy than the packaged one.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for report.html and validation.json.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def gate(
    spec: Spec,
    reference: Reference,
    current: Champion,
    candidate: Candidate,
    *,
    out: Out = None,
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> None:
    """Bless a candidate or not; exit code 0 blessed, 1 not blessed, 2 bad input.

    Example: amends gate --spec m.yaml --reference june.parquet --current v1.parquet --candidate v2.parquet
    """
    from amends.adapters.files import load_spec
    from amends.adapters.great_expectations import GreatExpectationsGate
    from amends.cli.check import read_window
    from amends.cli.loading import rules_for
    from amends.workflow.gate import gate as judge

    model = load_spec(spec)
    rules = rules_for(model, policy)
    validation = judge(
        model,
        rules,
        GreatExpectationsGate(rules),
        reference=read_window(model, reference),
        champion=_rows(model, current),
        candidate=_rows(model, candidate),
    )
    if out:
        _write(out, validation)
    _tell(validation, as_json=as_json)
    if not validation.blessed:
        raise typer.Exit(1)


def _rows(model: "ModelSpec", path: str) -> "pa.Table":
    """Read the rows to compare. :raises DataError: they cannot be read, or there are none."""
    import pyarrow as pa

    from amends.adapters.parquet import ParquetWindows
    from amends.errors import DataError

    batches = list(ParquetWindows(path).batches(model, None))
    if not sum(batch.num_rows for batch in batches):
        raise DataError(f"{path}: no rows. Give rows that both versions scored.")
    try:
        return pa.Table.from_batches(batches)
    except pa.ArrowInvalid:
        raise DataError(f"{path}: its files differ in columns or types. Write them alike.") from None


def _write(folder: Path, validation: "Validation") -> None:
    """Write the document, and the page that shows it."""
    from amends.adapters.validation_page import validation_page
    from amends.cli.check import write_files
    from amends.domain.canonical import canonical_json

    document = validation.document()
    page = validation_page(document).encode()
    write_files(folder, {"report.html": page, "validation.json": canonical_json(document) + b"\n"})


def _tell(validation: "Validation", *, as_json: bool) -> None:
    from amends.domain.canonical import canonical_json

    if as_json:
        print(canonical_json(validation.document()).decode())
        return
    print(f"{validation.model}: {'blessed' if validation.blessed else 'not blessed'}")
    for reason in validation.reasons:
        print(f"  {reason}")
