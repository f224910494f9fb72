"""`amends check` beside Evidently and Fairlearn on the rows: whole processes, alternating, in one run.

``make bench`` runs it at 100 000 rows; ``make bench ARGS="--rows 1000000"`` at another size.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from frames import spec, write

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Cost:
    """Seconds and peak resident megabytes of a whole process."""

    seconds: float
    megabytes: float


def cost(*command: str, codes: tuple[int, ...] = (0,)) -> Cost:
    """Run a command in a process of its own and measure it."""
    begun = time.monotonic()
    pid = os.posix_spawn(command[0], command, {**os.environ, "PYTHONPATH": str(HERE)})
    _, status, usage = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) in codes
    return Cost(time.monotonic() - begun, usage.ru_maxrss / 1024)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory, rows: int) -> Path:
    """A folder with a spec and two windows of the wanted size, and of a tenth of it."""
    folder = tmp_path_factory.mktemp("logs")
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec()))
    for name, seed in (("reference", 1), ("current", 2)):
        write(folder / f"{name}.parquet", rows, seed)
        write(folder / f"{name}-tenth.parquet", rows // 10, seed)
    return folder


QUIETLY = "import sys, amends.cli as c; sys.stdout = open(sys.argv[1], 'w'); sys.exit(c.run(sys.argv[2:]))"


def ours(logs: Path, size: str = "") -> Cost:
    """`amends check`, without a page; its document goes to a file."""
    reference, current = (str(logs / f"{name}{size}.parquet") for name in ("reference", "current"))
    check = ["check", "--spec", str(logs / "spec.yaml"), "--reference", reference, "--current", current]
    return cost(sys.executable, "-c", QUIETLY, str(logs / "out"), *check, "--json", codes=(0, 1))


def peers(logs: Path) -> Cost:
    """Evidently and Fairlearn on the rows."""
    windows = [str(logs / f"{name}.parquet") for name in ("reference", "current")]
    return cost(sys.executable, str(HERE / "peer.py"), *windows)


def test_a_check_beside_its_peers(logs: Path, rows: int) -> None:
    """Two alternations; the ratio of the better ones is printed, and how the cost grows with the rows."""
    mine, theirs = [], []
    for _ in range(2):
        mine.append(ours(logs))
        theirs.append(peers(logs))
    tenth = ours(logs, "-tenth")
    best, peer = min(mine, key=lambda one: one.seconds), min(theirs, key=lambda one: one.seconds)
    told = {
        "rows": rows,
        "amends": {"seconds": round(best.seconds, 2), "megabytes": round(best.megabytes)},
        "evidently_and_fairlearn": {"seconds": round(peer.seconds, 2), "megabytes": round(peer.megabytes)},
        "times_faster": round(peer.seconds / best.seconds, 1),
        "times_smaller": round(peer.megabytes / best.megabytes, 1),
        "at_a_tenth_of_the_rows": {"seconds": round(tenth.seconds, 2), "megabytes": round(tenth.megabytes)},
    }
    print("\n" + json.dumps(told, indent=1))
    assert json.loads((logs / "out").read_text())["findings"]
