"""Triage: record what windows before this one make of its breaches, and who answers for what acts."""

from collections.abc import Mapping
from typing import Any

from amends.domain.assessment import Call
from amends.domain.events import EventKind, NewEvent
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.domain.triage import HISTORY, act, triage
from amends.domain.window import Window
from amends.ports import LedgerTransaction, Services


def record_triage(
    ledger: LedgerTransaction,
    services: Services,
    window: Window,
    assessment: str,
    document: Mapping[str, Any],
) -> dict[str, Any]:
    """Record what windows before this one make of its breaches; a retry finds what was recorded."""
    policy = services.policy
    found = triage(ledger.events(kinds=HISTORY), window, document["incident"]["categories"], policy)
    acting = act(document, found, policy)
    event = ledger.append(
        NewEvent(
            kind=EventKind.WINDOW_TRIAGED,
            key=f"triaged:{window.key}:{assessment[-12:]}:{policy.digest[-12:]}",
            model=window.model,
            payload={
                "window": window.document(),
                "assessment": assessment,
                "policy": policy.digest,
                "triage": acting.document(),
                "call": acting.call.document() if acting.call else None,
            },
        )
    )
    return event.payload


def duties_of(spec: ModelSpec, policy: Policy, call: Call) -> dict[str, Any]:
    """Who answers for an incident and how soon, and who has to approve a new version."""
    names = {"owner": [spec.owner], "incident-commander": list(spec.roles.get("incident-commander", ()))}
    duty = policy.duties[call.severity]
    return {
        **duty.document(),
        "names": {role: names[role] for role in duty.ladder},
        "approvers": list(policy.approving_roles(call.severity)),
    }
