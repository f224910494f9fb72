"""`amends check` and `amends digest`: read a window and assess it, without Airflow or a ledger."""

import os
from contextlib import ExitStack, nullcontext
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.sources import Rows, source_of, window_of
from amends.cli.sparing import compiled, put_off, unsearched, without
from amends.errors import BadInput

if TYPE_CHECKING:
    from amends.domain.assessment import Assessment
    from amends.domain.policy import Policy
    from amends.domain.spec import ModelSpec
    from amends.domain.window import Window
    from amends.measures.digests import WindowDigest
    from amends.ports import Ask

SPARING = {
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Set before numpy and Arrow are loaded: nothing here is faster by their ways, the first two keep 50 MB more,
and without their threads the process can be forked."""

MANY_BYTES = 1 << 30
"""Of windows in larger files, counting keeps two threads busy all the time: what judges and draws is loaded
after it, since it would save nothing before, but take its 150 MB at the worst moment."""

ELSEWHERE = ("pandas",)
"""What Arrow imports where it is there; who asks for it is in a process of its own, or comes last."""

FUNCTIONS = ("scipy.special", "_ufuncs")
"""What judging calls of scipy; its wrappers for arrays of others take longer to import than judging does."""

Spec = Annotated[Path, typer.Option("--spec", help="The model's spec (YAML).")]
Reference = Annotated[
    list[str],
    typer.Option("--reference", help="Parquet file, folder or glob, or a .digest; may be repeated."),
]
Current = Annotated[list[str], typer.Option("--current", help="The window to judge; as --reference.")]
Train = Annotated[
    Path | None, typer.Option("--train", help="Training rows; no check of this release reads them.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for report.html and assessment.json.")]
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="Another policy than the packaged one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Why = Annotated[
    bool, typer.Option("--explain", help="Name each rule that fired or nearly did, too (not in the JSON).")
]
Data = Annotated[
    list[str] | None,
    typer.Option("--data", help="As --reference of `amends check`; without it the spec's source is read."),
]
Span = Annotated[
    str | None, typer.Option("--window", help="START/END of the window, as ISO 8601 times; else all rows.")
]
Like = Annotated[
    Path | None, typer.Option("--like", help="The reference's digest; give it for every later window.")
]
Digest = Annotated[Path, typer.Option("--out", help="The digest to write.")]


def check(
    spec: Spec,
    reference: Reference,
    current: Current,
    *,
    train: Train = None,
    out: Out = None,
    policy: PolicyFile = None,
    as_json: AsJson = False,
    explain: Why = False,
) -> None:
    """Judge a window against the reference; exit code 0 healthy, 1 incident, 2 bad input.

    Example: amends check --spec model.yaml --reference june.parquet --current july.parquet --json
    """
    if train and not train.is_file():
        raise typer.BadParameter(f"{train}: no such file.", param_hint="--train")
    _spare()
    from amends.cli.loading import CHECK, PAGE, beside
    from amends.ports import at_once, here

    many = _bytes_of(reference + current) > MANY_BYTES
    with beside(*PAGE) if out and not many else nullcontext(here) as draw:
        with ExitStack() as vendors:
            ask = None if many else vendors.enter_context(beside(*CHECK))
            with without(*ELSEWHERE):
                with unsearched(), compiled(*FUNCTIONS):
                    import amends.measures.quality  # noqa: F401 - what the gate judges by
                    from amends.adapters.fairlearn_metrics import FairlearnMetrics
                    from amends.adapters.files import load_spec
                    from amends.adapters.great_expectations import GreatExpectationsGate
                    from amends.cli.loading import aside, rules_for
                    from amends.workflow.assess import assess

                model = load_spec(spec)
                rules = rules_for(model, policy)
                before = read_window(model, reference)
                now = read_window(model, current, before)
            ask = ask or vendors.enter_context(beside(*CHECK))
            gate, metrics = GreatExpectationsGate(rules, ask), FairlearnMetrics(ask)
            apart = at_once if many else aside  # a copy, too, would take its memory at the worst moment
            with without(*ELSEWHERE):
                assessment = assess(model, rules, before, now, quality=gate, fairness=metrics, aside=apart)
        if out:
            _write(out, model, before, now, assessment, draw=draw)
    _tell(assessment, as_json=as_json, explained_by=rules if explain else None)
    if assessment.incident:
        raise typer.Exit(1)


def digest(
    spec: Spec, out: Digest, *, data: Data = None, rows: Rows = None, window: Span = None, like: Like = None
) -> None:
    """Reduce a window to its digest, which `amends check` takes in place of the rows.

    Example: amends digest --spec model.yaml --data july.parquet --like june.digest --out july.digest
    """
    if rows and not data:  # a table is read a twentieth faster by the allocators as they come
        put_off()
    else:
        _spare()
    with without(*ELSEWHERE):
        from amends.adapters.files import load_spec, read_digest, write_digest
        from amends.workflow.digest import digest_window

        model = load_spec(spec)
        before = read_digest(like) if like else None
        span = window_of(model, window) if window else None
        if data:
            made = read_window(model, data, before, span)
        else:
            made = digest_window(model, source_of(model, rows), span, before)
        write_digest(made, out)
    print(f"{out}: {made.rows} rows, {made.digest}")


def read_window(
    model: "ModelSpec", given: list[str], like: "WindowDigest | None" = None, span: "Window | None" = None
) -> "WindowDigest":
    """Read a window: digests where digests are given, rows where rows are, added up.

    :param span: of the rows; None for all.
    :raises BadInput: a span of what is a digest.
    """
    from amends.adapters.files import read_digest
    from amends.adapters.parquet import ParquetWindows
    from amends.measures.digests import WindowDigest
    from amends.workflow.digest import digest_window

    if span and (whole := [path for path in given if path.endswith(".digest")]):
        raise BadInput(f"{whole[0]}: a digest is whole and has no rows to choose from. Leave --window out.")
    digests = [read_digest(path) for path in given if path.endswith(".digest")]
    paths = [path for path in given if not path.endswith(".digest")]
    if paths:
        digests.append(digest_window(model, ParquetWindows(*paths), span, like or next(iter(digests), None)))
    return reduce(WindowDigest.merge, digests)


def _bytes_of(given: list[str]) -> int:
    """How large the Parquet files are."""
    from amends.adapters.parquet import ParquetWindows

    paths = [path for path in given if not path.endswith(".digest")]
    return ParquetWindows(*paths).size()


def _spare() -> None:
    for setting, value in SPARING.items():
        os.environ.setdefault(setting, value)
    from amends.cli.memory import share

    put_off()
    share()


def _write(
    folder: Path, model: "ModelSpec", before: "WindowDigest", now: "WindowDigest", assessment: "Assessment",
    *, draw: "Ask",
) -> None:  # fmt: skip
    """Write both files, or neither where the report cannot be made.

    :param draw: calls a function where Evidently is loaded.
    """
    from amends.adapters.evidently import EvidentlyReporter
    from amends.domain.canonical import canonical_json

    page = draw(EvidentlyReporter().render, model, before, now, assessment.findings)
    contents = {
        "report.html": page.encode(),
        "assessment.json": canonical_json(assessment.document()) + b"\n",
    }
    write_files(folder, contents)


def write_files(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files into a folder, none of them half."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        half = folder / f".{name}.part"
        half.write_bytes(content)
        half.replace(folder / name)


def _tell(assessment: "Assessment", *, as_json: bool, explained_by: "Policy | None" = None) -> None:
    from amends.domain.canonical import canonical_json
    from amends.domain.explanation import aside_lines

    if as_json:
        print(canonical_json(assessment.document()).decode())
        return
    for finding in assessment.findings:
        if finding.verdict not in {"pass", "no_data"}:
            print(f"{finding.verdict:12} {finding.category}: {finding.reason}")
    for line in aside_lines(assessment.details):
        print(line)
    for line in _called(assessment):
        print(line)
    if explained_by:
        _explain(assessment, explained_by)


def _called(assessment: "Assessment") -> list[str]:
    """The call, and why; or that there is none."""
    call = assessment.incident
    if call is None:
        return [f"{assessment.model}: healthy, {assessment.current.rows} rows."]
    head = f"{assessment.model}: {call.severity} {call.category}; {', then '.join(call.playbooks)}."
    return [head, *(f"  {line}" for line in call.because)]


def _explain(assessment: "Assessment", policy: "Policy") -> None:
    from amends.domain.decision import Situation, weigh
    from amends.domain.explanation import explanation, lines

    importance = assessment.details["situation"]["importance"]
    situation = Situation.from_document(assessment.details["situation"])
    weighed = weigh(assessment.findings, importance=importance, policy=policy, situation=situation)
    for line in lines(explanation(weighed, policy, importance=importance)):
        print(f"  {line}")
