"""DAGS.md is written from the DAGs, and is not stale."""

import subprocess
import sys

from documents import ROOT


def test_the_page_is_what_the_dags_say() -> None:
    """`make docs` would change nothing; where it would, this test says so."""
    done = subprocess.run(
        [sys.executable, "-m", "amends.orchestration.dag_docs", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
