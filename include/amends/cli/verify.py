"""`amends verify`: walk the ledger and name what does not hold."""

import json
from typing import Annotated

import typer

from amends.cli.database import Dsn, dsn_of

Kept = Annotated[
    str | None,
    typer.Option("--checkpoint", help="A checkpoint that an earlier verify printed and you kept elsewhere."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def verify(*, dsn: Dsn = None, checkpoint: Kept = None, as_json: AsJson = False) -> None:
    """Walk the whole ledger; exit code 1 when a row, a link or a piece of evidence does not hold.

    Keep the printed checkpoint where the database's owner cannot write: the next verify then also shows
    whether the end of the ledger was cut off or rewritten.

    Example: amends verify --dsn postgresql://amends_app@localhost/amends --checkpoint 42:9f86d081...
    """
    from amends.adapters.postgres.audit import Checkpoint, audit

    found = audit(dsn_of(dsn), Checkpoint.read(checkpoint) if checkpoint else None)
    if as_json:
        print(json.dumps(found.document()))
    elif found.problems:
        print(f"The ledger does not hold; {found.chain.rows} rows from its start do.")
        for problem in found.problems:
            print(f"  {problem}")
    else:
        print(f"The ledger holds: {found.chain.rows} rows, each bound to the one before.")
        print(f"  checkpoint  {found.head}")
    if found.problems:
        raise typer.Exit(1)
