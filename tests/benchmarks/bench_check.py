"""`amends check` beside Evidently and Fairlearn on the rows: whole processes, alternating, in one run.

``make bench`` runs it at 100 000 rows; ``make bench ARGS="--rows 1000000"`` at another size.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from frames import spec
from goals import HERE, Cost, check, cost, document, goal, median, seconds

AROUND = 3
"""Checks before and after each run of the peers, which lasts a hundred times as long."""
BYTES = ("reference.parquet", "current.parquet")


def peer(folder: Path) -> Cost:
    """Evidently and Fairlearn on the rows."""
    return cost(sys.executable, str(HERE / "peer.py"), *(str(folder / name) for name in BYTES))


@pytest.mark.usefixtures("peers")
def test_a_check_beside_its_peers(logs: Path, rows: int, alternations: int) -> None:
    """P1, P2: time and memory of the whole pass, and with Evidently's page, over the peers' on the rows."""
    mine, paged, theirs = [], [], []
    for _ in range(alternations):
        mine += [check(logs, *BYTES) for _ in range(AROUND)]
        theirs.append(peer(logs))
        paged.append(check(logs, *BYTES, "--out", str(logs / "page")))
        mine += [check(logs, *BYTES) for _ in range(AROUND)]
        each = ", ".join(one.told() for one in mine[-2 * AROUND :])
        print(f"\namends {each}; with its page {paged[-1].told()}; peers {theirs[-1].told()}")
    best, page, other = median(mine), median(paged), median(theirs)
    print(f"\n{rows} rows: amends {best.told()}; with its page {page.told()}; peers {other.told()}")
    here = rows >= 1_000_000
    faster, smaller = other.seconds / best.seconds, other.megabytes / best.megabytes
    goal("P1", f"check against the peers, {rows} rows", f"{faster:.0f}x less time", ">= 100x at 1 M",
         met=faster >= 100, applies=here)  # fmt: skip
    goal("P1", "peak memory", f"{smaller:.1f}x less ({best.megabytes:.0f} MB)", ">= 9x at 1 M",
         met=smaller >= 9, applies=here)  # fmt: skip
    slower = other.seconds / page.seconds
    goal("P2", "with Evidently's page", f"{slower:.0f}x less time", ">= 30x at 1 M",
         met=slower >= 30, applies=here)  # fmt: skip
    assert document(logs)["findings"]


def test_how_a_check_grows(logs: Path, tenth: Path, rows: int) -> None:
    """P3: time over that of decoding the columns once on as many threads, memory, growth with the rows."""
    taken, decoded = [], []
    for _ in range(3):
        taken.append(check(logs, *BYTES))
        decoded.append(seconds(lambda: decode(logs)))
    small, whole = check(tenth, *BYTES), median(taken)
    times = whole.seconds / sorted(decoded)[1]
    grown = (whole.megabytes - small.megabytes, whole.seconds / small.seconds)
    print(f"\n{rows} rows: {whole.told()}, decoding {sorted(decoded)[1]:.2f} s; a tenth: {small.told()}")
    goal("P3", f"check over decoding once, {rows} rows", f"{times:.1f}x", "<= 5x at 10 M",
         met=times <= 5, applies=rows >= 10_000_000)  # fmt: skip
    goal("P3", "peak memory", f"{whole.megabytes:.0f} MB", "<= 500 MB", met=whole.megabytes <= 500)
    goal("P3", "growth for ten times the rows", f"{grown[0]:.0f} MB, {grown[1]:.1f}x the time", "<= 10x",
         met=grown[1] <= 10)  # fmt: skip


def decode(folder: Path) -> None:
    """Decode the spec's columns of both windows, a file after the other, by row groups on two threads."""
    columns = spec()["columns"]
    named = [name for one in columns.values() for name in ([one] if isinstance(one, str) else one)]
    for name in BYTES:
        groups = range(pq.ParquetFile(folder / name).num_row_groups)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda group, path=folder / name: part(path, group, named), groups))


def part(path: Path, group: int, columns: list[str]) -> None:
    """Decode a row group a column at a time, as the digest pass does."""
    file = pq.ParquetFile(path)
    for name in columns:
        file.read_row_groups([group], columns=[name], use_threads=False)
