"""The command line. A command's module is loaded when the command is called, vendors when it needs them."""

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from amends.errors import AmendsError, BadInput, Refused

if TYPE_CHECKING:
    import typer

COMMANDS = {
    "check": "check",
    "digest": "check",
    "gate": "gate",
    "adopt": "adopt",
    "depends": "depends",
    "verify": "verify",
    "explain": "incident",
    "replay": "incident",
    "report": "incident",
    "close": "incident",
    "release": "quarantine",
    "notices": "quarantine",
    "trial": "trial",
    "demo": "demo",
    "up": "stack",
    "down": "stack",
    "status": "stack",
}
"""Command to the module of this package that has a function of that name."""

HEALTHY, FOUND, BAD_INPUT, INTERNAL = 0, 1, 2, 3
"""Exit codes: nothing to do; an incident or a no; wrong input; a fault of Amends itself."""


def main() -> None:
    """Run `amends`; every failure is one line on stderr and an exit code."""
    code = run(sys.argv[1:])
    gc.freeze()  # what is let go of now is not searched for garbage: most of a second after a check
    if sys.argv[1:2] == ["check"]:
        _end(code)
    sys.exit(code)


def _end(code: int) -> None:
    """End at once: the system takes back what is held faster than it is taken down piece by piece.

    Nothing waits for the end of a check. Where what was printed cannot be written, nothing is done.
    """
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    asked = arguments[0] if arguments else ""
    app = application([asked] if asked in COMMANDS else list(COMMANDS))
    try:
        code = app(args=arguments or ["--help"], prog_name="amends", standalone_mode=False)
    except Exception as error:
        if os.environ.get("AMENDS_DEBUG"):
            raise
        line, code = _explained(error, asked)
        print("amends: " + " ".join(line.split()), file=sys.stderr)
    return code if isinstance(code, int) else HEALTHY


def _explained(error: Exception, asked: str) -> tuple[str, int]:
    """One line and an exit code for a failure."""
    usage = getattr(error, "format_message", None)
    if usage:  # a usage error of the command line library
        asked = asked if asked in COMMANDS else ""
        return f"{usage().rstrip('.')}. See `amends {asked} --help`.".replace("  ", " "), BAD_INPUT
    if isinstance(error, BadInput):
        return str(error), BAD_INPUT
    if isinstance(error, Refused):
        return f"refused: {error}", FOUND
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}. Put that right and repeat.", BAD_INPUT
    kind = "" if isinstance(error, AmendsError) else f"{type(error).__name__}: "
    return f"internal error: {kind}{error}. AMENDS_DEBUG=1 shows where.", INTERNAL


def application(names: list[str]) -> "typer.Typer":
    """Build the application with some of its commands."""
    import typer

    app = typer.Typer(
        name="amends",
        help="A fast, accountable response to a fault found in a production ML model.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_together)
    for name in names:
        app.command(name)(getattr(import_module(f"amends.cli.{COMMANDS[name]}"), name))
    return app


def _together() -> None:
    """A fast, accountable response to a fault found in a production ML model."""
