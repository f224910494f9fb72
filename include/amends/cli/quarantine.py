"""`amends release` and `notices`: a held-back window is let go, and the model's consumers read of it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amends.cli.database import Dsn, ledger_of
from amends.cli.sources import Rows, source_of, window_of
from amends.errors import BadInput

if TYPE_CHECKING:
    from amends.domain.spec import ModelSpec
    from amends.domain.window import Window
    from amends.measures.digests import WindowDigest

Spec = Annotated[Path, typer.Option("--spec", help="The model's spec (YAML).")]
Span = Annotated[str, typer.Option("--window", help="START/END of the held window, as ISO 8601 times.")]
By = Annotated[str, typer.Option("--by", help="Who does it; the name stands in the ledger.")]
Reason = Annotated[
    str, typer.Option("--reason", help="Why it is released although a check fails; else a failure refuses.")
]
Reference = Annotated[
    list[str] | None,
    typer.Option("--reference", help="As in `amends check`; without it the spec's source is read."),
]
Data = Annotated[list[str] | None, typer.Option("--data", help="The repaired rows, likewise.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def release(
    spec: Spec,
    window: Span,
    by: By,
    *,
    reason: Reason = "",
    reference: Reference = None,
    data: Data = None,
    rows: Rows = None,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Release a quarantined window once its rows are repaired; exit code 1 while a quality check fails.

    Example: amends release --spec churn.yaml --window 2026-02-10/2026-02-17 --by ada --data repaired.parquet
    """
    from amends.adapters.files import load_spec
    from amends.adapters.great_expectations import GreatExpectationsGate
    from amends.cli.loading import rules_for
    from amends.workflow.release import release_window

    model, ledger = load_spec(spec), ledger_of(dsn)
    if not by.strip():
        raise BadInput("release: a name is needed. Give --by.")
    span = window_of(model, window)
    policy = rules_for(model, os.environ.get("AMENDS_POLICY"))
    before, now = _digests(model, span, reference, data, rows)
    facts = release_window(
        ledger, model, GreatExpectationsGate(policy), span, reference=before, current=now, by=by.strip(),
        reason=reason.strip(),
    )  # fmt: skip
    if as_json:
        print(json.dumps({"model": model.name, "by": by, **facts}, sort_keys=True))
    else:
        print(f"{model.name}: {window} released by {by}: {facts['reason']}. {now.rows} rows, {now.digest}.")


def notices(
    consumer: Annotated[str, typer.Option("--consumer", help="Whose notices; named in a spec.")],
    *,
    model: Annotated[str | None, typer.Option("--model", help="Only of this model.")] = None,
    acknowledge: Annotated[int | None, typer.Option("--acknowledge", help="Number of the one read.")] = None,
    by: Annotated[str, typer.Option("--by", help="Who read it; the name stands in the ledger.")] = "",
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """List what a consumer of a model's answers has to know; exit code 1 while a notice waits to be read.

    Example: amends notices --consumer pricing --acknowledge 12 --by ada
    """
    from amends.workflow import notices as of

    ledger = ledger_of(dsn)
    if acknowledge is not None:
        if not by.strip():
            raise BadInput("notices: who acknowledges? Give --by with a name.")
        _show([of.acknowledge(ledger, consumer, acknowledge, by.strip())], consumer, as_json=as_json)
        return
    found = of.notices(ledger, consumer, model)
    _show(found, consumer, as_json=as_json)
    if any(one["acknowledged_by"] is None for one in found):
        raise typer.Exit(1)


def _show(found: list[dict[str, Any]], consumer: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"consumer": consumer, "notices": found}, sort_keys=True))
        return
    for one in found:
        span = f"{one['window']['start']} to {one['window']['end']}" if one["window"] else "-"
        read = f"read by {one['acknowledged_by']}" if one["acknowledged_by"] else "waits"
        print(f"{one['number']:5} {one['model']}: {one['event'].replace('_', ' ')}, {span} ({read})")
        print(f"      {one['reason']}; incident {one['incident'] or '-'}")
    if not found:
        print(f"{consumer}: no notices.")


def _digests(
    model: "ModelSpec",
    window: "Window",
    reference: list[str] | None,
    data: list[str] | None,
    rows: str | None,
) -> tuple["WindowDigest", "WindowDigest"]:
    """Digests of the reference and of the window's rows as they are now."""
    from amends.cli.check import read_window
    from amends.workflow.digest import digest_window

    if reference:
        before = read_window(model, reference)
    else:
        before = digest_window(model, source_of(model, rows), _reference(model))
    if data:
        return before, read_window(model, data, before)
    return before, digest_window(model, source_of(model, rows), window, before)


def _reference(model: "ModelSpec") -> "Window":
    from amends.domain.window import Window

    if model.windows is None:
        raise BadInput(f"model {model.name!r} has no windows section. Give --reference and --data.")
    return Window(model.name, model.windows.reference_start, model.windows.reference_end)
