"""Which ledger a command speaks to: the one that is named, else that of the stack that is up here."""

from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.demo import HOME as DEMO
from amends.cli.stack import HOME
from amends.errors import BadInput

if TYPE_CHECKING:
    from amends.ports import Ledger

HOMES = (HOME, DEMO)
"""Where `amends up` and `amends demo` keep a stack, below the folder that a command is called in."""

Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        envvar="AMENDS_DSN",
        help="libpq URL of the ledger's database; without it that of the stack that is up in this folder.",
    ),
]


def ledger_of(dsn: str | None) -> "Ledger":
    """Open the ledger that is named, else that of the stack that is up here; it connects at first use."""
    from amends.adapters.postgres import PostgresLedger

    return PostgresLedger(dsn_of(dsn))


def dsn_of(dsn: str | None) -> str:
    """Address of the ledger that is named, else of that of the stack that is up here.

    :raises BadInput: none is named, and no stack is up here, or more than one.
    """
    if dsn:
        return dsn
    from amends import stack

    found = {home: address for home in HOMES if (address := stack.ledger_dsn(home))}
    if len(found) > 1:
        raise BadInput(
            f"no ledger is named, and {len(found)} stacks are up here: {', '.join(map(str, found))}. "
            "Give --dsn, or end one with `amends down --home ...`."
        )
    for address in found.values():
        return address
    raise BadInput(
        f"no ledger is named, and no stack is up in {HOME} or {DEMO}. Give --dsn, set AMENDS_DSN to the "
        "ledger's libpq URL, or start one with `amends up`."
    )
