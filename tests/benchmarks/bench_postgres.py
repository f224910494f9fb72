"""P7: a window read from PostgreSQL, beside a COPY that nobody reads and Airflow's own hook."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from frames import spec
from goals import QUIETLY, Cost, cost, goal, median, seconds
from pyarrow import csv

TYPES = {pa.float64(): "double precision", pa.int8(): "smallint", pa.timestamp("us"): "timestamp"}
ALTERNATIONS = 5
HOOK = """
import sys, warnings
from sqlalchemy import create_engine
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Connection
warnings.simplefilter("ignore")
hook = PostgresHook(connection=Connection(conn_id="bench", conn_type="postgres"))
hook.get_sqlalchemy_engine = lambda: create_engine(sys.argv[1])  # the socket is no host of a connection
assert len(hook.get_df("SELECT * FROM bench_log")) == int(sys.argv[2])
"""


@pytest.fixture(scope="module")
def log(logs: Path, pg_server: str) -> tuple[Path, str]:
    """A spec and the DSN of a server that has the reference window as a table."""
    import psycopg

    rows = pq.ParquetFile(logs / "reference.parquet")
    columns = ", ".join(f'"{field.name}" {TYPES.get(field.type, "text")}' for field in rows.schema_arrow)
    with psycopg.connect(pg_server, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE bench_log ({columns})")
        with connection.cursor().copy("COPY bench_log FROM STDIN (FORMAT csv)") as copy:
            for batch in rows.iter_batches(65_536):
                sink = pa.BufferOutputStream()
                csv.write_csv(batch, sink, csv.WriteOptions(include_header=False))
                copy.write(sink.getvalue().to_pybytes())
        connection.execute("VACUUM ANALYZE bench_log")
    path = logs / "postgres.yaml"
    source = {"kind": "postgres", "table": "bench_log", "connection": "bench"}
    path.write_text(yaml.safe_dump({**spec(), "source": source}))
    return path, pg_server


def test_a_window_from_postgres(log: tuple[Path, str], rows: int, alternations: int) -> None:
    """Time of `amends digest` of the table, over a COPY to /dev/null and over `PostgresHook.get_df`.

    Runs of seconds differ by more than runs of minutes do, so that there are more of them.
    """
    mine, copied, hooked = [], [], []
    for _ in range(max(alternations, ALTERNATIONS)):
        copied.append(seconds(lambda: copy_to_nowhere(log[1])))
        mine.append(digest(*log, rows))
        hooked.append(cost(sys.executable, "-c", HOOK, log[1], str(rows)))
    ours, hook, least = median(mine), median(hooked), min(copied)
    print(f"\n{rows} rows: ours {ours.told()}; COPY {least:.2f} s; PostgresHook.get_df {hook.told()}")
    goal("P7", f"from PostgreSQL over COPY to /dev/null, {rows} rows", f"{ours.seconds / least:.1f}x",
         "<= 2x at 1 M", met=ours.seconds / least <= 2, applies=rows >= 1_000_000)  # fmt: skip
    goal("P7", "PostgresHook.get_df over it", f"{hook.seconds / ours.seconds:.1f}x the time",
         ">= 5x at 1 M", met=hook.seconds / ours.seconds >= 5, applies=rows >= 1_000_000)  # fmt: skip


def copy_to_nowhere(dsn: str) -> None:
    """Let the server write the table, as text, for nobody."""
    import psycopg

    with psycopg.connect(dsn) as connection:
        connection.execute("COPY bench_log TO '/dev/null' (FORMAT csv)")


def digest(spec: Path, dsn: str, rows: int) -> Cost:
    """`amends digest` of all rows of the table, which are that many."""
    told = spec.with_name("told")
    command = ["digest", "--spec", str(spec), "--rows", dsn, "--out", str(spec.with_name("made.digest"))]
    taken = cost(sys.executable, "-c", QUIETLY, str(told), *command)
    assert f": {rows} rows, " in told.read_text()
    return taken
