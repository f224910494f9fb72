"""`amends explain`, `replay`, `report`, `close`: one incident, read from the ledger."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.database import Dsn, ledger_of
from amends.errors import BadInput

if TYPE_CHECKING:
    from amends.ports import Ledger

Incident = Annotated[str, typer.Argument(help="The incident's id, as the ledger and the run's name have it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def explain(incident: Incident, *, dsn: Dsn = None, as_json: AsJson = False) -> None:
    """Tell an incident's story from the ledger: what was found, by which rule, what was done, by whom.

    Then each rule that fired or nearly did and what it lacked, and what was held back and why.

    Example: amends explain lending-20260727-6a92f994
    """
    from amends.domain.explanation import lines
    from amends.domain.incident import incident_from_events
    from amends.domain.narrative import narrative
    from amends.workflow.replay import explain as explain_again

    ledger = ledger_of(dsn)
    events = ledger.events(incident=incident)
    found = incident_from_events(events)
    if found is None:
        raise _unknown(incident)
    story, decisions = narrative(events), explain_again(ledger, incident)
    if as_json:
        document = {
            "incident": incident,
            "model": found.model,
            "open": found.open,
            "call": found.call.document(),
        }
        print(json.dumps({**document, "decisions": decisions, "story": story}))
    else:
        print(story)
        for one in decisions:
            print(f"## Why row {one['row']} ({one['kind']}) was decided so\n")
            print("\n".join(f"- {line}" for line in lines(one)) + "\n")


def replay(incident: Incident, *, dsn: Dsn = None, as_json: AsJson = False) -> None:
    """Derive an incident's decisions anew from the stored evidence; exit code 1 on any difference.

    Example: amends replay lending-20260727-6a92f994 --json
    """
    from amends.workflow.replay import replay as decide_again

    ledger = ledger_of(dsn)
    if not ledger.events(incident=incident):
        raise _unknown(incident)
    differences = decide_again(ledger, incident)
    if as_json:
        print(json.dumps({"incident": incident, "same": not differences, "differences": differences}))
    else:
        print("\n".join(differences) or f"{incident}: every decision comes out the same, byte for byte.")
    if differences:
        raise typer.Exit(1)


def report(
    incident: Incident,
    *,
    out: Annotated[Path, typer.Option("--out", help="File to write the page to.")] = Path("report.html"),
    validation: Annotated[
        str | None,
        typer.Option("--validation", help="Instead the validation of a candidate: `best` or a version."),
    ] = None,
    dsn: Dsn = None,
) -> None:
    """Write an incident's page on drift, bias and performance, safe to open; exit code 2 before it is drawn.

    Example: amends report lending-20260727-6a92f994 --out report.html
    """
    from amends.domain.events import EventKind
    from amends.domain.incident import incident_from_events

    ledger = ledger_of(dsn)
    found = incident_from_events(ledger.events(incident=incident))
    if found is None:
        raise _unknown(incident)
    if validation is not None:
        from amends.adapters.validation_page import validation_page

        page = validation_page(ledger.evidence(_validation(ledger, incident, validation)))
        out.write_text(page, encoding="utf-8")
        print(f"{incident}: page written to {out}.")
        return
    drawn = ledger.events(model=found.model, kinds=[EventKind.REPORT_DRAWN])
    mine = [event for event in drawn if event.payload["assessment"] == found.assessment]
    if not mine:
        raise BadInput(f"incident {incident!r} has no page yet: the monitor draws it later. Try again.")
    out.write_text(ledger.evidence(mine[0].payload["evidence"])["html"], encoding="utf-8")
    print(f"{incident}: page written to {out}.")


def _validation(ledger: "Ledger", incident: str, version: str) -> str:
    """Digest of a candidate's newest validation. :raises BadInput: the incident has none."""
    from amends.domain.events import EventKind

    kinds = [EventKind.CANDIDATE_VALIDATED, EventKind.REVALIDATED]
    known: dict[str, str] = {}
    for event in ledger.events(incident=incident, kinds=kinds):
        facts = event.payload
        best = facts.get("candidate", {}).get("version", facts.get("champion"))
        known |= {str(one["version"]): one["validation"] for one in facts.get("others", ())}
        known |= {str(best): facts["validation"], "best": facts["validation"]}
    if version not in known:
        there = ", ".join(known) or "none yet"
        raise BadInput(f"incident {incident!r} has no validation of {version!r}. There are: {there}.")
    return known[version]


def close(
    incident: Incident,
    *,
    by: Annotated[str, typer.Option("--by", help="Who closes it; the name stands in the ledger.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is over.")],
    dsn: Dsn = None,
) -> None:
    """Close an incident that people took over, in a person's name and with a reason.

    Example: amends close lending-20260727-6a92f994 --by ada --reason "column repaired upstream"
    """
    from amends.domain.events import EventKind, NewEvent

    ledger = ledger_of(dsn)
    events = ledger.events(incident=incident)
    if not events:
        raise _unknown(incident)
    if not by.strip() or not reason.strip():
        raise BadInput("close: a name and a reason are needed. Give --by and --reason.")
    with ledger.transaction(events[0].model) as transaction:
        closed = transaction.append(
            NewEvent(
                kind=EventKind.INCIDENT_CLOSED,
                key=f"{EventKind.INCIDENT_CLOSED}:{incident}",
                model=events[0].model,
                incident=incident,
                actor=by,
                payload={"reason": reason},
            )
        )
    print(f"{incident}: closed by {closed.actor} at {closed.at:%Y-%m-%d %H:%M:%S} UTC.")


def _unknown(incident: str) -> BadInput:
    return BadInput(f"incident {incident!r} is not in the ledger. `amends.incidents` there lists all ids.")
