"""`amends digest` on a log in PostgreSQL: a window's rows never leave by another way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from amends.adapters.postgres import connect
from amends.cli import run
from pyarrow import csv
from samples import LOGGED

SPEC: dict[str, Any] = {
    **LOGGED,
    "columns": {**LOGGED["columns"], "categorical": ["region"]},
    "source": {"kind": "postgres", "connection": "log_db", "table": "log"},
}
TABLE = (
    "CREATE TABLE log (id text, at timestamptz, score float8, predicted int, label bigint, income float8,"
    " region text)"
)
DAY = 1440
"""Rows of a day, one a minute."""


def table() -> pa.Table:
    """Four days; in the last one incomes are in thousandths, some labels and regions are missing."""
    draw = np.random.default_rng(5)
    n = 4 * DAY
    score = draw.beta(2, 2, n)
    income = draw.normal(40, 5, n) / np.where(np.arange(n) < 3 * DAY, 1, 1000)
    return pa.table(
        {
            "id": [f"r{i}" for i in range(n)],
            "at": pa.array(np.datetime64("2026-01-01", "us") + np.arange(n) * 60_000_000).cast(
                pa.timestamp("us", "UTC")
            ),
            "score": score,
            "predicted": (score >= 0.5).astype(np.int64),
            "label": pa.array((draw.random(n) < score).astype(np.int64), mask=draw.random(n) < 0.1),
            "income": income,
            "region": pa.array(draw.choice(["north", "south", "é"], n), mask=draw.random(n) < 0.05),
        }
    )


@pytest.fixture
def log(fresh_dsn: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The rows as a file in the working folder and as a table; give the database's address."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    rows, dsn = table(), fresh_dsn()
    pq.write_table(rows, tmp_path / "log.parquet")
    sink = pa.BufferOutputStream()
    csv.write_csv(rows, sink, csv.WriteOptions(include_header=False))
    with connect(dsn) as connection:
        connection.execute(TABLE.encode())
        with connection.cursor().copy("COPY log FROM STDIN (FORMAT csv)") as copy:
            copy.write(sink.getvalue().to_pybytes())
    return dsn


def digested(capsys: pytest.CaptureFixture[str], *given: str) -> str:
    """What the command says of a digest: rows, and its name by content."""
    assert run(["digest", "--spec", "spec.yaml", *given]) == 0
    return capsys.readouterr().out.partition(": ")[2]


def test_a_table_has_the_digest_of_its_rows_in_a_file(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Values, nulls and order are the same to the last bit, for all rows and for a window of them."""
    for span in ([], ["--window", "2026-01-02/2026-01-04"]):
        by_table = digested(capsys, "--rows", log, "--out", "a.digest", *span)
        by_file = digested(capsys, "--data", "log.parquet", "--out", "b.digest", *span)
        assert by_table == by_file
        assert by_table.startswith(f"{(2 if span else 4) * DAY} rows, sha256:")


@pytest.mark.usefixtures("vendors")
def test_a_table_is_judged_without_airflow(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Two digests of a table are all that `amends check` needs to name the column that lost its unit."""
    digested(capsys, "--rows", log, "--window", "2026-01-01/2026-01-04", "--out", "before.digest")
    like = ["--like", "before.digest", "--out", "now.digest"]
    digested(capsys, "--rows", log, "--window", "2026-01-04/2026-01-05", *like)
    given = ["--reference", "before.digest", "--current", "now.digest", "--json"]
    assert run(["check", "--spec", "spec.yaml", *given]) == 1
    broken = [one for one in json.loads(capsys.readouterr().out)["findings"] if one["verdict"] == "breach"]
    assert ("data_quality", "income") in {(one["category"], one["column"]) for one in broken}


@pytest.mark.usefixtures("log")
def test_a_server_that_is_away_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, the address without its password, and no file."""
    away = "postgresql://ada:secret@127.0.0.1:1/log"
    assert run(["digest", "--spec", "spec.yaml", "--rows", away, "--out", "x.digest"]) == 2
    err = capsys.readouterr().err
    assert "127.0.0.1:1/log does not answer" in err
    assert "secret" not in err
    assert err.count("\n") == 1
    assert not Path("x.digest").exists()
