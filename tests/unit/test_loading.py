"""Vendors in a process of their own: what is asked there, what comes back, how it ends."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from amends.cli.loading import aside, beside
from amends.errors import DataError, Unavailable
from asked import end, known, refuse

MODULE = "colorsys"
"""A module of the standard library that nobody else imports."""

PARENT = f"""
import os, sys, time
sys.path[:0] = {sys.path!r}
from amends.cli.loading import beside
with beside("colorsys") as ask:
    print(ask(os.getpid), flush=True)
    time.sleep(60)
"""


COPIED = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from amends.cli.loading import aside
from amends.errors import AmendsError
from asked import end, known, refuse
held = list(range(1000))
waiting = [aside(known, "os"), aside(held.count, 7), aside(refuse, "no such column"), aside(end)]
answers = []
for wait in waiting:
    try:
        answers.append(wait())
    except AmendsError as error:
        answers.append(f"{{type(error).__name__}}: {{error}}")
print(answers[0][0] != os.getpid(), answers[1:])
"""


@pytest.fixture(autouse=True)
def unknown() -> None:
    """Forget the module."""
    sys.modules.pop(MODULE, None)


def test_what_is_asked_is_done_where_the_module_is() -> None:
    """A function runs in another process, which has the module; this one has not."""
    with beside(MODULE) as ask:
        process, there = ask(known, MODULE)
    assert process != os.getpid()
    assert there
    assert MODULE not in sys.modules


def test_what_is_loaded_here_is_asked_here() -> None:
    """No second process is started for modules that this one has."""
    with beside("sys", "os") as ask:
        assert ask(os.getpid) == os.getpid()


def test_an_error_there_is_raised_here() -> None:
    """Kind and message of an error come through, and the next question is answered."""
    with beside(MODULE) as ask:
        with pytest.raises(DataError, match="no such column"):
            ask(refuse, "no such column")
        assert ask(max, 1, 2) == 2


def test_a_process_that_died_is_told() -> None:
    """Where the process is gone, the error says what it was and what to do."""
    with beside(MODULE) as ask, pytest.raises(Unavailable, match="was ended"):
        ask(end)


def test_a_module_that_cannot_be_imported_stops_nothing() -> None:
    """Who uses it says so; all else is answered."""
    with beside("no_such_module_at_all") as ask:
        assert ask(max, 1, 2) == 2


def test_an_error_here_ends_it() -> None:
    """A failure while rows are read comes through at once, and no process stays behind."""
    with pytest.raises(ValueError, match="rows"), beside(MODULE):
        raise ValueError("rows")
    late = time.monotonic() + 30
    while multiprocessing.active_children():
        assert time.monotonic() < late
        time.sleep(0.01)


def test_it_ends_with_a_killed_parent() -> None:
    """A parent that is killed leaves nobody behind."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    late = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < late
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")
def test_a_copy_answers_beside() -> None:
    """It has what is held here; its answer, its error and its end come through where they are waited for."""
    told = subprocess.run([sys.executable, "-c", COPIED], capture_output=True, text=True, check=True)
    beside, answers = told.stdout.split(" ", 1)
    assert beside == "True"
    assert answers.startswith("[1, 'DataError: no such column', 'Unavailable: a process")


def test_beside_other_threads_a_function_is_called_at_once() -> None:
    """A copy could find a lock that nobody gives back."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        process, _ = aside(known, "os")()
    assert process == os.getpid()
