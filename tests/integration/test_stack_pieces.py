"""What the embedded stack is made of, without starting it: ports, secrets, folders, processes."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import psutil
import pytest
from amends import stack
from amends.errors import BadInput, Unavailable
from amends.stack import environment, identity, layout, postgres, processes, state


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


@pytest.fixture
def home(tmp_path: Path) -> layout.Layout:
    """A home with its folders, no service."""
    made = layout.Layout.at(tmp_path / ".amends")
    made.create()
    return made


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """An empty DAG folder."""
    folder = tmp_path / "dags"
    folder.mkdir()
    return folder


def established(home: layout.Layout, dags: Path, **wanted: int) -> identity.Identity:
    """The identity of a home in a project of its own."""
    return identity.establish(home, dags, dags.parent / "include" / "models", wanted)


def test_a_taken_port_is_one_line_with_the_way_out(tmp_path: Path, dags: Path) -> None:
    """Insisting on a port that somebody holds is refused before anything is started."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(
            Unavailable, match=rf"port {port} for airflow .* is taken.*--airflow-port"
        ) as refused:
            stack.up(tmp_path / "home", dags_folder=dags, ports={"airflow": port})
    assert "\n" not in str(refused.value)
    assert stack.status(tmp_path / "home").phase == "down"


def test_a_known_port_that_was_taken_meanwhile_is_replaced(home: layout.Layout, dags: Path) -> None:
    """A home keeps its ports, but for one that somebody else holds by now."""
    first = established(home, dags)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", first.ports["mlflow"]))
        holder.listen()
        second = established(home, dags)
    assert second.ports["airflow"] == first.ports["airflow"]
    assert second.ports["mlflow"] != first.ports["mlflow"]


def test_passwords_are_made_once_and_are_their_owners_alone(home: layout.Layout, dags: Path) -> None:
    """A second start finds the same passwords; no two are alike; nobody else may read them."""
    first, second = established(home, dags), established(home, dags)
    assert first.user_passwords == second.user_passwords
    everything = [*first.user_passwords.values(), *first.database_passwords.values(), *first.keys.values()]
    assert len(set(everything)) == len(everything)
    assert min(map(len, everything)) >= 20
    assert stat.S_IMODE(home.identity.stat().st_mode) == 0o600


def test_too_little_disk_is_one_line_with_the_way_out(
    tmp_path: Path, dags: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is found before anything is started."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 2**20, 2**20))
    with pytest.raises(Unavailable, match=r"1 MiB are free in .*, a run needs 1024\. .*--home"):
        stack.up(tmp_path / "home", dags_folder=dags)


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path, dags: Path) -> None:
    """A home inside a file names the file and the way out."""
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"cannot write .*file/home: .*--home"):
        stack.up(tmp_path / "file" / "home", dags_folder=dags)


def test_a_project_without_dags_is_told_so(tmp_path: Path) -> None:
    """Started in the wrong folder, nothing is written and the way out is named."""
    with pytest.raises(BadInput, match=r"no DAG folder .*/nowhere\. .*--dags"):
        stack.up(tmp_path / "home", dags_folder=tmp_path / "nowhere")
    assert not (tmp_path / "home").exists()


def test_settings_of_another_airflow_do_not_reach_the_services(
    home: layout.Layout, dags: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the caller's shell says about Airflow, MLflow and PostgreSQL is left behind; the path is kept."""
    for name in ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW_CONN_OTHER", "MLFLOW_S3_ENDPOINT_URL", "PGHOST"):
        monkeypatch.setenv(name, "elsewhere")
    variables = environment.service_environment(home, established(home, dags))
    assert "elsewhere" not in variables.values()
    assert variables["PATH"] == os.environ["PATH"]


def test_every_airflow_setting_is_one_that_airflow_knows(home: layout.Layout, dags: Path) -> None:
    """A misspelt option would be ignored in silence, so each is looked up in Airflow's own list."""
    variables = environment.service_environment(home, established(home, dags))
    ours = {name.lower().removeprefix("airflow__") for name in variables if name.startswith("AIRFLOW__")}
    listing = (
        "from airflow.configuration import conf; d = conf.configuration_description;"
        "print(*(f'{s}__{o}' for s in d for o in d[s]['options']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", listing], env=variables, capture_output=True, text=True, check=True
    )
    assert ours - set(done.stdout.lower().split()) == set()


def sleeper(home: layout.Layout, program: str) -> "subprocess.Popen[bytes]":
    """A process that starts another and waits."""
    spawned = processes.spawn(
        [sys.executable, "-c", program], environment=os.environ, log=home.log("sleeper"), cwd=home.home
    )
    while "ready" not in home.log("sleeper").read_text():
        time.sleep(0.02)
    return spawned


FORKING = """
import os, signal, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("leader_killed", [False, True])
def test_a_session_is_ended_as_a_whole(home: layout.Layout, leader_killed: bool) -> None:
    """A child that ignores SIGTERM is ended too, also when its parent was killed before."""
    parent = sleeper(home, FORKING)
    leader = processes.Known.of(parent.pid)
    child = psutil.Process(parent.pid).children()[0]
    if leader_killed:
        parent.kill()
        parent.wait()
    assert child.is_running()
    processes.end(processes.Ending(leader, grace=0.3))
    parent.wait()
    assert processes.session(leader) == []
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_got_the_id_of_ours_is_left_alone(home: layout.Layout) -> None:
    """The same id with another time of creation is somebody else's process: it survives our ending it."""
    other = sleeper(home, "import time; print('ready', flush=True); time.sleep(60)")
    recorded = processes.Known(other.pid, processes.Known.of(other.pid).created - 3600)
    processes.end(processes.Ending(recorded, grace=0))
    assert other.poll() is None
    other.kill()
    other.wait()


def test_state_reads_back_as_written(home: layout.Layout) -> None:
    """Supervisor and sessions survive the file, signal included."""
    known = processes.Known(4711, 1.5)
    ending = processes.Ending(processes.Known(4712, 2.5), signal.SIGINT, 3.0)
    state.State(supervisor=known, phase="up", sessions={"postgres": ending}).write(home)
    found = state.read(home)
    assert found is not None
    assert (found.supervisor, found.phase, found.sessions) == (known, "up", {"postgres": ending})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"supervisor": 1}'])
def test_a_state_cut_short_counts_as_none(home: layout.Layout, text: str) -> None:
    """What a crash left half written stops neither `up` nor `down`."""
    home.state.write_text(text)
    assert state.read(home) is None
    assert stack.down(home.home) is False


def test_what_a_killed_supervisor_left_is_ended(home: layout.Layout, dags: Path) -> None:
    """Services whose supervisor is dead are seen by `status` and ended by `down`, once."""
    established(home, dags)
    service = sleeper(home, FORKING)
    leader = processes.Known.of(service.pid)
    dead = processes.Known(service.pid, leader.created - 3600)
    state.State(
        supervisor=dead, phase="up", sessions={"scheduler": processes.Ending(leader, grace=0.3)}
    ).write(home)
    assert stack.status(home.home).phase == "unsupervised"
    assert stack.down(home.home)
    service.wait()
    assert processes.session(leader) == []
    assert stack.status(home.home).phase == "down"
    assert not stack.down(home.home)


def test_waiting_for_the_end_returns_when_somebody_else_ended_it(home: layout.Layout) -> None:
    """What stays up until it is taken down notices that it was taken down, from another terminal."""
    supervisor = sleeper(home, "import time; print('ready', flush=True); time.sleep(60)")
    state.State(supervisor=processes.Known.of(supervisor.pid), phase="up").write(home)
    waiting = Thread(target=stack.wait_for_end, args=(home.home,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    assert stack.down(home.home)
    waiting.join(10)
    assert not waiting.is_alive()
    supervisor.wait()


def test_a_database_record_that_names_another_program_is_removed(home: layout.Layout) -> None:
    """PostgreSQL would refuse to start while the id in its record lives, whoever that is: here it is us."""
    home.postgres.mkdir()
    record = home.postgres / "postmaster.pid"
    record.write_text(f"{os.getpid()}\n{home.postgres}\n")
    assert postgres.left_behind(home) is None
    assert not record.exists()


def test_a_broken_identity_names_the_way_out(home: layout.Layout) -> None:
    """A damaged stack.json is one line, not a traceback."""
    home.identity.write_text("{")
    with pytest.raises(Unavailable, match=r"stack\.json cannot be read .* Remove .* and start again\."):
        stack.status(home.home)
