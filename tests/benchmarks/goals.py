"""What the benchmarks share: whole processes measured, goals stated, a table at the end."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from frames import spec, write

HERE = Path(__file__).parent
REACHED: list[tuple[str, str, str, str, str]] = []
"""Goal, what was measured, figure, target, whether it is met: in the order measured."""

QUIETLY = "import sys, amends.cli as c; sys.stdout = open(sys.argv.pop(1), 'w'); c.main()"

LAUNCHER = """
import os, sys, time

def held(process):
    try:
        with open(f"/proc/{process}/smaps_rollup") as told:
            mine = next((int(line.split()[1]) for line in told if line.startswith("Pss:")), 0)
        with open(f"/proc/{process}/task/{process}/children") as told:
            children = told.read().split()
    except OSError:
        return 0
    return mine + sum(map(held, children))

looked, *command = sys.argv[1:]
begun, peak, ended = time.monotonic(), 0, 0
process = os.posix_spawn(command[0], command, os.environ)
while looked and not ended:
    time.sleep(0.02)
    peak = max(peak, held(process))
    ended, status, usage = os.wait4(process, os.WNOHANG)
if not ended:
    ended, status, usage = os.wait4(process, 0)
taken = time.monotonic() - begun
print(os.waitstatus_to_exitcode(status), taken, max(peak, usage.ru_maxrss))
"""
"""Runs a command. A small process, since Linux counts what its parent holds to a new process's peak, too.

The peak is Linux's own count of the largest process. Looked at every 20 ms, it is that of the command and of
what it starts, together (proportional set sizes: what two share counts once); but looking takes time."""


@dataclass(frozen=True)
class Cost:
    """Seconds and peak resident megabytes of a command, with what it starts."""

    seconds: float
    megabytes: float

    def told(self) -> str:
        """Say both."""
        return f"{self.seconds:.2f} s, {self.megabytes:.0f} MB"


def goal(name: str, what: str, figure: str, target: str, *, met: bool, applies: bool = True) -> None:
    """Note a goal for the table.

    :param applies: whether the target is for so many rows; if not, the figure is told and not judged.
    """
    said = ("yes" if met else "NO") if applies else "-"
    REACHED.append((name, what, figure, target, said))
    print(f"\n{name} {what}: {figure} (target {target}, met: {said})")


def table() -> list[str]:
    """Lines of the table of goals."""
    rows = [("goal", "what", "figure", "target", "met")]
    rows += REACHED
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def cost(*command: str, codes: tuple[int, ...] = (0,), looked: bool = False) -> Cost:
    """Run a command in a process of its own and measure it.

    :param looked: whether to look at it while it runs, for the memory of what it starts.
    """
    folders = os.pathsep.join([str(HERE), str(HERE.parents[1] / "include")])
    told = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCHER, "looked" if looked else "", *command],
        env={**os.environ, "PYTHONPATH": folders},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    code, taken, kilobytes = told.split()
    assert int(code) in codes
    return Cost(float(taken), int(kilobytes) / 1024)


def median(costs: list[Cost]) -> Cost:
    """The middle one by seconds; the better of two."""
    return sorted(costs, key=lambda one: one.seconds)[(len(costs) - 1) // 2]


def check(folder: Path, reference: str, current: str, *more: str) -> Cost:
    """`amends check` of two windows in a folder, once for the time and once for the memory.

    Its document goes to the file ``out`` there.
    """
    windows = ["--reference", str(folder / reference), "--current", str(folder / current)]
    command = ["check", "--spec", str(folder / "spec.yaml"), *windows, "--json", *more]
    program = [sys.executable, "-c", QUIETLY, str(folder / "out"), *command]
    taken, held = (cost(*program, codes=(0, 1), looked=looked) for looked in (False, True))
    return Cost(taken.seconds, held.megabytes)


def document(folder: Path) -> dict[str, object]:
    """What the last :func:`check` printed."""
    found: dict[str, object] = json.loads((folder / "out").read_text())
    return found


def windows(folder: Path, rows: int) -> Path:
    """Write a spec, and a reference and a current window of that many rows."""
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec()))
    for name, seed in (("reference", 1), ("current", 2)):
        write(folder / f"{name}.parquet", rows, seed)
    return folder


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.monotonic()
    call()
    return time.monotonic() - begun
