"""An assessment: all findings on one window and what they ask for, as one document."""

from dataclasses import dataclass, field
from typing import Any

from amends.domain.canonical import digest_of, strict
from amends.domain.findings import Finding

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSummary:
    """What an assessment says of a window: size, span of event time (ISO 8601) and digest."""

    rows: int
    start: str | None
    end: str | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What has to be done: the incident as findings and policy make it, before it has an identity."""

    category: str
    categories: tuple[str, ...]
    severity: str
    playbook: str
    playbooks: tuple[str, ...]
    because: tuple[str, ...]

    def covers(self, other: "Call") -> bool:
        """Whether a response to this call answers the other, too: no graver, no other playbook."""
        return self.severity <= other.severity and set(other.playbooks) <= set(self.playbooks)

    def joined(self, other: "Call") -> "Call":
        """The call on both findings; the graver one speaks first."""
        first, second = sorted((self, other), key=lambda call: call.severity)
        return Call(
            category=first.category,
            categories=_both(first.categories, second.categories),
            severity=first.severity,
            playbook=first.playbook,
            playbooks=_both(first.playbooks, second.playbooks),
            because=_both(first.because, second.because),
        )

    def document(self) -> dict[str, Any]:
        """Return the call as the contract's ``incident`` object."""
        return {
            "category": self.category,
            "categories": list(self.categories),
            "severity": self.severity,
            "playbook": self.playbook,
            "playbooks": list(self.playbooks),
            "because": list(self.because),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Findings on one window of one model, with the call that the policy makes on them."""

    model: str
    code_version: str
    policy_name: str
    policy_digest: str
    reference: WindowSummary
    current: WindowSummary
    findings: tuple[Finding, ...]
    incident: Call | None
    details: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the contract's document; equal inputs give equal bytes."""
        body: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "code_version": self.code_version,
            "policy": {"name": self.policy_name, "digest": self.policy_digest},
            "windows": {
                "reference": _summary(self.reference),
                "current": _summary(self.current),
            },
            "findings": [finding.document() for finding in self.findings],
            "incident": self.incident.document() if self.incident else None,
            **self.details,
        }
        body = strict(body)
        return {**body, "decision_digest": digest_of(body)}


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _summary(window: WindowSummary) -> dict[str, Any]:
    return {
        "rows": window.rows,
        "start": window.start,
        "end": window.end,
        "digest": window.digest,
    }
