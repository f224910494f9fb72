"""What a response will do: the plan that follows from a call, a policy and a person's wish."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from amends.domain.assessment import Call
from amends.domain.policy import PLAYBOOKS, Policy
from amends.errors import SpecError

AS_DECIDED = "as decided"
LEAVES_VERSIONS = ("observe", "quarantine", "rollback", "revalidate")
"""Playbooks that make no new version; of any other a candidate may come, which people have to approve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one response does.

    ``contain``: roll back at once, before anything else is tried (the policy pre-authorises it).
    ``run``: the playbooks to carry out, in this order. ``makes_version``: one of them may make a candidate.
    ``roles``: who has to approve a new version before it serves.
    """

    severity: str
    playbooks: tuple[str, ...]
    contain: bool
    run: tuple[str, ...]
    makes_version: bool
    roles: tuple[str, ...]
    because: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def plan_response(
    call: Call, policy: Policy, action: str = AS_DECIDED, known: Collection[str] = PLAYBOOKS
) -> Plan:
    """Turn a call into a plan; an operator's action replaces the policy's playbooks.

    :param known: the playbooks that there are.
    :raises SpecError: the action is none of them.
    """
    if action not in {AS_DECIDED, *known}:
        raise SpecError(f"action {action!r} is unknown. Choose one of: {', '.join((AS_DECIDED, *known))}.")
    chosen = call.playbooks if action == AS_DECIDED else (action,)
    by_person = () if action == AS_DECIDED else (f"the operator chose {action}",)
    contain = "rollback" in chosen and policy.may_contain("rollback")
    run = _run(chosen, contained=contain)
    return Plan(
        severity=call.severity,
        playbooks=chosen,
        contain=contain,
        run=run,
        makes_version=any(one not in LEAVES_VERSIONS for one in run),
        roles=policy.approving_roles(call.severity),
        because=(*by_person, *call.because),
    )


def _run(chosen: tuple[str, ...], *, contained: bool) -> tuple[str, ...]:
    """Leave out what containment has done, and what only waits or asks where something is made.

    A new fit calibrates as well: where one is made, the failed version's scores are not mapped anew.
    """
    done = {"rollback"} if contained else set()
    made = [one for one in chosen if one not in LEAVES_VERSIONS]
    idle = {"observe"} if set(chosen) - done - {"observe"} else set()
    asks = {"revalidate"} if made else set()
    covered = {"recalibrate"} if "retrain" in made else set()
    return tuple(one for one in chosen if one not in done | idle | asks | covered) or ("observe",)
