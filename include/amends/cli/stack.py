"""`amends up`, `down`, `status`: the embedded stack of a project."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path, typer.Option("--home", help="Folder that holds everything of the run.")]
Dags = Annotated[Path, typer.Option("--dags", help="The project's DAG folder.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Insist on this port.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

HOME = Path(".amends")


def up(
    *,
    home: Home = HOME,
    dags: Dags = Path("dags"),
    airflow_port: Port = None,
    mlflow_port: Port = None,
    postgres_port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Start PostgreSQL, MLflow and Airflow on this machine.

    Example: amends up --airflow-port 8080
    """
    from amends import stack
    from amends.demo.release import prepare_log

    wanted = {"airflow": airflow_port, "mlflow": mlflow_port, "postgres": postgres_port}
    running = stack.up(
        home,
        dags_folder=dags,
        ports={service: port for service, port in wanted.items() if port is not None},
        say=lambda step: print(f"  {step}", file=sys.stderr),
    )
    prepare_log(running)
    if as_json:
        told = {"airflow": running.airflow_url, "mlflow": running.mlflow_uri, "home": str(running.home)}
        print(json.dumps({**told, "started_now": running.started_now}))
        return
    done = f"up in {running.seconds:.0f} s" if running.started_now else "already up"
    print(f"Amends is {done}. End it with `amends down`; logs are in {running.home / 'logs'}.")
    print(f"  Airflow  {running.airflow_url}\n  MLflow   {running.mlflow_uri}")
    if running.first_time:
        print(f"  ledger   {running.dsn}")
        print("  people (shown this once; kept in stack.json of the home, which only you can read):")
        for name, password in running.users.items():
            print(f"    {name:<15} {password}")


def down(home: Home = HOME) -> None:
    """End everything that `amends up` or `amends demo` started.

    Example: amends down
    """
    from amends import stack

    ended = [stack.down(one) for one in (home, home / "demo")]
    print("Amends is down." if any(ended) else "Amends was not up.")


def status(home: Home = HOME, as_json: AsJson = False) -> None:
    """Say what runs and whether it is well; exit code 1 when something is not.

    Example: amends status --json
    """
    from amends import stack

    seen = stack.status(home)
    if as_json:
        print(json.dumps(asdict(seen)))
    else:
        print(f"Amends is {seen.phase}.")
        for service, well in seen.healthy.items():
            again = f", started again {seen.restarts[service]} times" if seen.restarts.get(service) else ""
            print(f"  {service:<14} {'well' if well else 'does not answer'}{again}")
        if seen.airflow_url:
            print(f"  Airflow {seen.airflow_url}, MLflow {seen.mlflow_uri}")
    if not seen.well:
        raise typer.Exit(1)
