"""Score rows with a model version in a process of its own: the parent's side.

A failing version is suspect. Its artefact is checked before it is loaded, as always; should it still
misbehave while it scores, it does so where it reaches nothing (see :mod:`amends.adapters.sandbox_child`):
no network, bounded memory and time, a scratch folder, none of the parent's secrets.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import amends
from amends.adapters.sandbox_child import REFUSED, ROWS, SCORES
from amends.errors import ArtefactError
from amends.measures.scoring import DECISION

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a child may take: seconds of wall clock, and megabytes of memory of its own."""

    seconds: float = 300
    megabytes: int = 4096


def score_apart(
    artefact: Path, digest: str, rows: "pd.DataFrame", bounds: Bounds | None = None
) -> "pd.Series[float]":
    """Score rows in a child process; the scores come back in the rows' order.

    :param artefact: folder of the version, already fetched.
    :param digest: what the folder must hold, byte for byte.
    :raises ArtefactError: the artefact is altered, does not load, takes too long or too much memory, or tries
        what the sandbox forbids.
    """
    import pandas as pd

    bounds = bounds or Bounds()
    with TemporaryDirectory(prefix="amends-sandbox-") as folder:
        scratch = Path(folder)
        rows.reset_index(drop=True).to_parquet(scratch / ROWS)
        child = ["amends.adapters.sandbox_child", str(artefact.resolve()), digest, str(bounds.megabytes)]
        _finish([sys.executable, "-m", *child], scratch, bounds)
        answer = pd.read_parquet(scratch / SCORES)
    scores = answer if DECISION in answer.columns else answer["score"]
    if len(scores) != len(rows):
        raise ArtefactError(f"the version scored {len(scores)} of {len(rows)} rows. Register it anew.")
    return scores.set_axis(rows.index, axis=0)


def _finish(command: list[str], scratch: Path, bounds: Bounds) -> None:
    child = subprocess.Popen(
        command, cwd=scratch, env=_environment(scratch), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _, said = child.communicate(timeout=bounds.seconds)
    except subprocess.TimeoutExpired:
        raise ArtefactError(
            f"the version did not score within {bounds.seconds:g} s in the sandbox. Give it fewer rows."
        ) from None
    finally:
        if child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
    last = (said.strip().splitlines() or [""])[-1][:300]
    if child.returncode == REFUSED:
        raise ArtefactError(last)
    if child.returncode:
        ended = f"exit {child.returncode}; {bounds.megabytes} MB allowed"
        raise ArtefactError(f"the version broke off in the sandbox ({ended}): {last}")


def _environment(scratch: Path) -> dict[str, str]:
    """Nothing of the parent's but where programs and the package are; one thread, so that sums agree."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    places = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(Path(amends.__file__).parents[1])}
    return {**places, "HOME": str(scratch), "TMPDIR": str(scratch), **threads}
