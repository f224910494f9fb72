"""What a response will do: the plan that follows from a call, a policy and a person's wish."""

from dataclasses import asdict, dataclass
from typing import Any

from amends.domain.assessment import Call
from amends.domain.policy import Policy
from amends.errors import SpecError

AUTOMATED = ("observe", "rollback", "retrain")
"""Playbooks that this release carries out by itself; the others are handed to people with the evidence."""

AS_DECIDED = "as decided"
ACTIONS = (AS_DECIDED, *AUTOMATED, "revalidate")
"""What an operator may choose in the trigger form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps of one response.

    ``contain``: roll back at once, before anything else is tried (the policy pre-authorises it).
    ``remedy``: ``retrain``; ``people`` where a person has to take over; ``none``.
    ``roles``: who has to approve a new version before it serves.
    """

    severity: str
    playbooks: tuple[str, ...]
    contain: bool
    remedy: str
    roles: tuple[str, ...]
    because: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def plan_response(call: Call, policy: Policy, action: str = AS_DECIDED) -> Plan:
    """Turn a call into steps; an operator's action replaces the policy's playbooks.

    :raises SpecError: the action is not one of :data:`ACTIONS`.
    """
    if action not in ACTIONS:
        raise SpecError(f"action {action!r} is unknown. Choose one of: {', '.join(ACTIONS)}.")
    chosen = call.playbooks if action == AS_DECIDED else (action,)
    by_person = () if action == AS_DECIDED else (f"the operator chose {action}",)
    return Plan(
        severity=call.severity,
        playbooks=chosen,
        contain="rollback" in chosen and policy.may_contain("rollback"),
        remedy=_remedy(chosen, policy),
        roles=policy.approving_roles(call.severity),
        because=(*by_person, *call.because),
    )


def _remedy(playbooks: tuple[str, ...], policy: Policy) -> str:
    if "retrain" in playbooks:
        return "retrain"
    by_hand = [one for one in playbooks if one not in AUTOMATED]
    forbidden = "rollback" in playbooks and not policy.may_contain("rollback")
    return "people" if by_hand or forbidden else "none"
