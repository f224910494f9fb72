"""Run `amends check` again and again in fresh processes whose hashes differ, as workers' do."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from malformed import SPEC, healthy

PROGRAM = "import sys; sys.path[:0] = {path!r}; import amends.cli as c; sys.exit(c.run(sys.argv[1:]))"


def printed(folder: Path, times: int) -> set[bytes]:
    """Every different document that so many runs print on a window with many faults."""
    rows = healthy(1)
    rows["income"] = pa.array([one * 1000 for one in rows["income"].to_pylist()])
    rows["region"] = pa.array([f"r{i % 90}" for i in range(len(rows["id"]))])
    rows["sex"] = pa.array([f"g{i % 5}" for i in range(len(rows["id"]))])
    (folder / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    pq.write_table(pa.table(healthy(0)), folder / "ref.parquet")
    pq.write_table(pa.table(rows), folder / "cur.parquet")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return set(pool.map(partial(_once, folder), range(times)))


def _once(folder: Path, seed: int) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(path=sys.path), "check", "--spec", "spec.yaml",
         "--reference", "ref.parquet", "--current", "cur.parquet", "--json"],
        cwd=folder, capture_output=True, check=False, env={**os.environ, "PYTHONHASHSEED": str(seed)},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr.decode()
    return done.stdout
