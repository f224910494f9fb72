"""`amends demo`: the whole walk on this machine, for real, told as it happens."""

import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.stack import Dags
from amends.errors import Refused, Unavailable

if TYPE_CHECKING:
    from amends.demo.walk import Walk
    from amends.stack import Running

HOME = Path(".amends/demo")


def demo(
    *,
    approve: Annotated[
        bool, typer.Option("--approve", help="Answer the approvals as the three reviewers, then end.")
    ] = False,
    home: Annotated[Path, typer.Option("--home", help="Folder of the run; emptied first.")] = HOME,
    dags: Dags = Path("dags"),
) -> None:
    """Break a lending model for real and walk from detection to recovery.

    Starts PostgreSQL, MLflow and Airflow; stays up until Ctrl-C or `amends down` unless --approve is given.

    Example: amends demo --approve
    """
    from amends import stack
    from amends.demo.telling import Teller
    from amends.demo.walk import Walk

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stack.down(home)
    shutil.rmtree(home, ignore_errors=True)
    tell = Teller(say=lambda line: print(line, flush=True))
    running = None
    try:
        with tell.step("Start PostgreSQL, MLflow and Airflow"):
            running = stack.up(home, dags_folder=dags, tied=True, say=tell.line)
        _show_people(running)
        walk = Walk(running, tell)
        incident = walk.to_the_approvals()
        if approve:
            walk.approve(incident)
        else:
            print("\nAnswer there as dana, petra and lena; this demo goes on when they have. Ctrl-C ends it.")
        _finish(walk, incident, patience=180 if approve else None)
        if not approve:
            print("\nAll of it stays up until Ctrl-C.", flush=True)
            stack.wait_for_end(home)
    except Unavailable as error:
        if running is None or stack.status(home).phase == "up":
            raise
        raise Refused("the stack was taken down, and the demo with it. Start it anew.") from error
    except KeyboardInterrupt:
        print("\nEnding the demo ...", flush=True)
    finally:
        stack.down(home)


def _show_people(running: "Running") -> None:
    print(f"\n           Airflow {running.airflow_url}   MLflow {running.mlflow_uri}")
    print(f"           ledger  psql '{running.dsn}'  (its views: amends.incidents, amends.approvals)")
    print("           people (shown this once):")
    for name, password in running.users.items():
        print(f"             {name:<16} {password}")


def _finish(walk: "Walk", incident: str, *, patience: float | None) -> None:
    from amends.demo.walk import summary
    from amends.workflow.narrate import narrate

    version = walk.decided(incident, patience)
    if version is None:
        print("\nThe candidate was not promoted; production stays with the version before.")
    else:
        walk.recovered()
    print("\n" + narrate(walk.ledger, incident))
    print(summary(walk, incident), flush=True)
