"""The embedded stack as it runs: people, rights, secrets, restarts, and an end that leaves nothing."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from amends.stack import Running, down, ledger_dsn, status, up
from amends.stack.client import AirflowUser
from amends.stack.layout import Layout
from amends.stack.processes import Known, session
from amends.stack.state import State, read

pytestmark = pytest.mark.stack

Answer = TypeVar("Answer")

PROJECT = Path(__file__).resolve().parents[2]
SERVICES = {"postgres", "mlflow", "api-server", "scheduler", "dag-processor", "triggerer"}


def state_of(running: Running) -> State:
    """What the supervisor last wrote."""
    found = read(Layout.at(running.home))
    assert found is not None
    return found


def leader(running: Running, service: str) -> Known:
    """The process of record of a service."""
    return state_of(running).sessions[service].leader


def told_by_each(running: Running, question: Callable[[psutil.Process], Answer]) -> list[Answer]:
    """What every process of the stack answers; a worker that has ended meanwhile says nothing."""
    answers = []
    for known in state_of(running).sessions.values():
        for process in session(known.leader):
            with suppress(psutil.NoSuchProcess):
                answers.append(question(process))
    return answers


def eventually(holds: Callable[[], bool], seconds: float = 90.0) -> bool:
    """Whether it holds within some time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def test_every_service_answers(stack: Running) -> None:
    """All six services are up and well."""
    seen = status(stack.home)
    assert seen.well
    assert set(seen.healthy) == SERVICES


def test_its_ledger_is_found_while_it_is_up(stack: Running, tmp_path: Path) -> None:
    """What commands take where no ledger is named; a home without a stack has none."""
    assert ledger_dsn(stack.home) == stack.dsn
    assert ledger_dsn(tmp_path) is None


def test_a_second_up_says_where_it_already_runs(stack: Running) -> None:
    """Nothing is started twice; the same addresses and passwords come back."""
    again = up(stack.home, dags_folder=PROJECT / "dags")
    assert not again.started_now
    assert (again.airflow_url, again.mlflow_uri, again.users) == (
        stack.airflow_url,
        stack.mlflow_uri,
        stack.users,
    )


@pytest.mark.parametrize(
    ("person", "expected"),
    [("operator", 200), ("dana", 403), ("petra", 403), ("lena", 403), ("amends_service", 403)],
)
def test_only_the_operator_reads_connections(stack: Running, person: str, expected: int) -> None:
    """Each person logs in with the printed password; reviewers and the service user see no connection."""
    user = AirflowUser(stack.airflow_url, person, stack.users[person])
    assert user.call("GET", "/connections")[0] == expected
    assert user.call("GET", "/dags")[0] == 200
    assert user.call("GET", "/dags/~/dagRuns/~/hitlDetails")[0] == 200


@pytest.mark.parametrize("person", ["dana", "petra", "lena", "amends_service"])
def test_a_reviewer_cannot_trigger_or_write_what_a_task_said(stack: Running, person: str) -> None:
    """Triggering a run, clearing it and forging an XCom are refused to all but the operator."""
    user = AirflowUser(stack.airflow_url, person, stack.users[person])
    dag = "respond_to_incident"
    assert user.call("POST", f"/dags/{dag}/dagRuns", {"logical_date": None})[0] == 403
    assert user.call("POST", f"/dags/{dag}/clearTaskInstances", {"dry_run": True})[0] == 403
    forged = {"key": "return_value", "value": "Approve"}
    assert user.call("POST", f"/dags/{dag}/dagRuns/any/taskInstances/any/xcomEntries", forged)[0] == 403


def test_no_password_shows_among_the_processes(stack: Running) -> None:
    """A command line is readable by everybody on the machine: none holds a password."""
    secrets = {*stack.users.values(), *json.loads((stack.home / "stack.json").read_text())["keys"].values()}
    lines = [" ".join(line) for line in told_by_each(stack, psutil.Process.cmdline)]
    assert len(lines) > len(SERVICES)
    assert not [line for line in lines for secret in secrets if secret in line]
    assert not [line for line in lines if stack.dsn.split(":")[2].split("@")[0] in line]


def test_nobody_else_may_read_what_a_run_wrote(stack: Running) -> None:
    """Secrets are 0600; every folder of the home is closed to others, the way to the database apart."""
    assert stat.S_IMODE((stack.home / "stack.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((stack.home / "state.json").stat().st_mode) == 0o600
    folders = [path for path in stack.home.iterdir() if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_everything_listens_on_the_loopback_only(stack: Running) -> None:
    """No service can be reached from another machine."""
    connections = told_by_each(stack, lambda process: process.net_connections("tcp"))
    listening = [c.laddr.ip for held in connections for c in held if c.status == psutil.CONN_LISTEN]
    assert len(listening) >= 3
    assert set(listening) == {"127.0.0.1"}


def test_mlflow_refuses_a_foreign_host_name(stack: Running) -> None:
    """A page that rebinds its name to this machine gets no answer; MLflow's default would give one."""
    import requests

    address = f"{stack.mlflow_uri}/api/2.0/mlflow/registered-models/search"
    assert requests.get(address, timeout=10).status_code == 200
    assert requests.get(address, timeout=10, headers={"Host": "10.evil.example"}).status_code == 403


def test_the_services_role_cannot_change_the_ledger(stack: Running) -> None:
    """What services log in as may add to the ledger; it may not delete from it."""
    import psycopg

    with (
        psycopg.connect(stack.dsn) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM amends.events")


@pytest.mark.parametrize("service", ["scheduler", "dag-processor"])
def test_a_killed_component_is_started_again(stack: Running, service: str) -> None:
    """After kill -9 a new one runs, and of the old one's workers none is left."""
    before = leader(stack, service)
    os.kill(before.pid, signal.SIGKILL)
    assert eventually(lambda: leader(stack, service) != before and leader(stack, service).alive())
    assert session(before) == []
    assert eventually(lambda: status(stack.home).well)


def test_it_survives_a_blink_of_the_database(stack: Running) -> None:
    """Scheduler and DAG processor end when PostgreSQL goes away; all is well again without anybody's help."""
    before = leader(stack, "postgres")
    os.kill(before.pid, signal.SIGKILL)
    assert eventually(lambda: leader(stack, "postgres") != before)
    assert eventually(lambda: status(stack.home).well)
    operator = AirflowUser(stack.airflow_url, "operator", stack.users["operator"])
    assert eventually(lambda: operator.call("GET", "/dags")[0] == 200)


TIED = """
import sys, time
from pathlib import Path
from amends.stack import up
up(Path(sys.argv[1]), dags_folder=Path(sys.argv[2]), tied=True)
print("up", flush=True)
time.sleep(600)
"""


def test_a_second_stack_lives_beside_and_leaves_nothing(stack: Running, tmp_path: Path) -> None:
    """In a closed folder with blanks in its name; tied to a process, it ends when that one is killed."""
    home, dags = tmp_path / "a home with a rather long name, and blanks" / ".amends", tmp_path / "dags"
    dags.mkdir()
    tmp_path.chmod(0o700)
    with subprocess.Popen([sys.executable, "-c", TIED, home, dags], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        assert status(stack.home).well
        second = status(home)
        assert second.well
        assert {second.airflow_url, second.mlflow_uri}.isdisjoint({stack.airflow_url, stack.mlflow_uri})
        found = read(Layout.at(home))
        owner.kill()
    assert found is not None
    assert set(found.sessions) == SERVICES
    assert eventually(lambda: not found.supervisor.alive())
    assert [process for ending in found.sessions.values() for process in session(ending.leader)] == []
    assert status(home).phase == "down"
    assert not down(home)
