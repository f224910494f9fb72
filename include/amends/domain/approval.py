"""What counts as an approval: named people, one role each, on exactly this evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

APPROVE, REJECT = "Approve", "Reject"
MIN_RATIONALE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One role's answer as Airflow's human-in-the-loop record holds it.

    ``person`` is None when nobody answered: a time-out (then the default stands as ``choice``), or a task
    that was marked by hand (then ``choice`` is None too).
    ``evidence`` is the digest of the evidence that the body showed to the person.
    """

    role: str
    person: str | None
    choice: str | None
    rationale: str
    answered_at: str | None
    evidence: str | None
    assignees: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the answer as JSON."""
        return {**asdict(self), "assignees": list(self.assignees)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Answer":
        """Rebuild an answer from :meth:`document`."""
        return cls(**{**document, "assignees": tuple(document["assignees"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether the answers approve, and the reasons if not.

    ``forged`` tells a no that nobody spoke (state set by hand, record altered) from an honest no.
    """

    approved: bool
    reasons: tuple[str, ...]
    forged: bool = False


def judge_approvals(
    answers: Sequence[Answer],
    *,
    roles: Sequence[str],
    evidence: str,
    authors: Sequence[str],
    recorded: Sequence[Answer] | None = None,
) -> Judgement:
    """Say whether every required role approved this evidence, each by another person.

    :param answers: what Airflow's record says now, one per role.
    :param roles: the roles that the policy asks for; none at all approves nothing.
    :param evidence: digest of the validated evidence; an answer on another one does not count.
    :param authors: people who made the change; they do not approve it.
    :param recorded: the answers as copied into the ledger before; both must agree.
    """
    by_role = {answer.role: answer for answer in answers}
    forged: list[str] = []
    no: list[str] = [] if roles else ["the policy names no approving role"]
    for role in roles:
        answer = by_role.get(role)
        if answer is None or answer.choice is None or (answer.person is None and answer.choice != REJECT):
            forged.append(f"{role}: no response is recorded; the task's state was set by hand")
            continue
        if answer.person is None:
            no.append(f"{role}: nobody answered in time")
            continue
        forged += _tampering(answer, evidence)
        no += _objections(answer, authors)
    no += _twice([by_role[role] for role in roles if role in by_role])
    if recorded is not None and not _agree(answers, recorded, roles):
        forged.append("the approvals table and Airflow's record disagree")
    reasons = (*forged, *no)
    return Judgement(approved=not reasons, reasons=reasons, forged=bool(forged))


def _tampering(answer: Answer, evidence: str) -> list[str]:
    found = []
    if not answer.assignees:
        found.append(f"{answer.role}: the request was assigned to nobody, so anybody could answer")
    if answer.evidence != evidence:
        found.append(f"{answer.role}: the answer was given on other evidence")
    return found


def _objections(answer: Answer, authors: Sequence[str]) -> list[str]:
    found = []
    if answer.choice != APPROVE:
        said = f" ({answer.rationale})" if answer.rationale else ""
        found.append(f"{answer.role}: {answer.person} rejected{said}")
    elif len(answer.rationale.strip()) < MIN_RATIONALE:
        found.append(f"{answer.role}: the rationale has under {MIN_RATIONALE} characters")
    if answer.person in authors:
        found.append(f"{answer.role}: {answer.person} is an author of the change")
    return found


def _twice(answers: Sequence[Answer]) -> list[str]:
    people = [answer.person for answer in answers if answer.person]
    repeated = sorted({person for person in people if people.count(person) > 1})
    return [f"{person} answered for more than one role" for person in repeated]


def _agree(now: Sequence[Answer], then: Sequence[Answer], roles: Sequence[str]) -> bool:
    spoken = {a.role: a for a in now if a.role in roles and a.choice is not None}
    return spoken == {a.role: a for a in then if a.role in roles}
