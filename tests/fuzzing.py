"""Ask `check` about frames that hypothesis makes up, the same ones each time, and hold it to the oracle."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from amends import cli
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.canonical import canonical_json
from amends.errors import BadInput
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.workflow.assess import assess
from fuzzed import Frames, Rows, frames
from hypothesis import HealthCheck, given, seed, settings
from oracle import one_line, strict
from plain_ports import PlainGate, PlainMetrics

POLICY = load_policy()
PLAIN: Any = (PlainGate(POLICY), PlainMetrics())
VENDORS: Any = (GreatExpectationsGate(POLICY), FairlearnMetrics())


def fuzz(examples: int, *, number: int = 0, vendors: bool = False) -> Counter[str]:
    """Judge frames by the library: how many were judged, and how many refused."""
    told: Counter[str] = Counter()

    def judge(asked: Frames) -> None:
        try:
            windows = digests(asked)
            document = assessed(asked, windows, PLAIN)
        except BadInput as error:
            told["refused"] += 1
            one_line(str(error))
            return
        told["judged"] += 1
        told["incidents"] += strict(document.decode())["incident"] is not None
        reread = [WindowDigest.from_document(one.to_document()) for one in windows]
        assert assessed(asked, reread, VENDORS if vendors else PLAIN) == document

    each(examples, number, judge)
    return told


def digests(asked: Frames) -> list[WindowDigest]:
    """The digests of both windows."""
    reference = digest_batches(asked.spec, [pa.record_batch(asked.reference)])
    half = max(len(asked.current["id"]) // 2, 1) if "id" in asked.current else 1
    batches = [pa.table(asked.current).slice(0, half), pa.table(asked.current).slice(half)]
    parts = [batch for table in batches for batch in table.combine_chunks().to_batches()]
    return [reference, digest_batches(asked.spec, parts, reference.grid)]


def assessed(asked: Frames, windows: list[WindowDigest], ports: Any) -> bytes:
    """The document, as bytes."""
    gate, metrics = ports
    found = assess(asked.spec, POLICY, *windows, quality=gate, fairness=metrics)
    return canonical_json(found.document())


def fuzz_files(examples: int, folder: Path, captured: Callable[[], Any], *, number: int = 0) -> Counter[int]:
    """Judge frames by the command on Parquet files: how often each exit code came."""
    codes: Counter[int] = Counter()

    def judge(asked: Frames) -> None:
        if not _written(folder, asked):
            return
        paths = {name: str(folder / name) for name in ("spec.yaml", "reference", "current")}
        given = [part for name, path in paths.items() for part in (f"--{name.split('.')[0]}", path)]
        code = cli.run(["check", *given, "--json"])
        out, err = captured()
        codes[code] += 1
        if code == cli.BAD_INPUT:
            assert out == ""
            one_line(err)
        else:
            assert code == (strict(out)["incident"] is not None), err

    each(examples, number, judge)
    return codes


def each(examples: int, number: int, judge: Callable[[Frames], None]) -> None:
    """Make the examples of a series up, the same ones in every run, and shrink the first that fails."""
    quietly = settings(
        max_examples=examples, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    @seed(number)
    @quietly
    @given(frames())
    def run(asked: Frames) -> None:
        judge(asked)

    run()


def _written(folder: Path, asked: Frames) -> bool:
    """Write spec and windows; False where Parquet has no such type."""
    (folder / "spec.yaml").write_text(yaml.safe_dump(dict(asked.spec.document)))
    pairs: dict[str, Rows] = {"reference": asked.reference, "current": asked.current}
    try:
        for name, rows in pairs.items():
            pq.write_table(pa.table(rows), folder / name)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return False
    return True
