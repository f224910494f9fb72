"""Write an incident's story from the ledger alone."""

from amends.domain.events import EventKind, NewEvent
from amends.domain.narrative import narrative
from amends.errors import LedgerError
from amends.ports import Ledger


def narrate(ledger: Ledger, incident: str) -> str:
    """Tell the incident's story as markdown and keep it as evidence; return the text.

    :raises LedgerError: the incident is not in the ledger.
    """
    events = ledger.events(incident=incident)
    told = [event for event in events if event.kind is not EventKind.NARRATED]
    if not told:
        raise LedgerError(f"incident {incident!r} is not in the ledger. Check the id.")
    text = narrative(told)
    evidence = ledger.put_evidence("narrative", {"incident": incident, "text": text})
    with ledger.transaction(told[0].model) as transaction:
        transaction.append(
            NewEvent(
                kind=EventKind.NARRATED,
                key=f"narrated:{incident}:{told[-1].seq}",
                model=told[0].model,
                incident=incident,
                payload={"evidence": evidence, "events": len(told)},
            )
        )
    return text
