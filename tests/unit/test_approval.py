"""Who may let a new version into production."""

import pytest
from amends.domain.approval import Answer, judge_approvals

ROLES = ("data-science", "product", "legal")
EVIDENCE = "sha256:" + "a" * 64


def answer(role: str, person: str | None, **changes: object) -> Answer:
    facts: dict[str, object] = {
        "role": role,
        "person": person,
        "choice": "Approve",
        "rationale": "looked at the evidence",
        "answered_at": "2026-03-01T10:00:00+00:00",
        "evidence": EVIDENCE,
        "assignees": (f"role:{role}",),
    }
    return Answer(**{**facts, **changes})  # type: ignore[arg-type]


THREE = [answer("data-science", "dana"), answer("product", "petra"), answer("legal", "lena")]


def judge(answers: list[Answer], **changes: object):
    facts = {"roles": ROLES, "evidence": EVIDENCE, "authors": ("olaf",), "recorded": answers}
    return judge_approvals(answers, **{**facts, **changes})  # type: ignore[arg-type]


def test_three_people_of_three_roles_on_the_same_evidence_approve() -> None:
    """The only way to a yes: every role, another person each, reasons given, evidence the same."""
    assert judge(THREE).approved


@pytest.mark.parametrize(
    ("broken", "word", "forged"),
    [
        (answer("legal", "lena", choice="Reject", rationale="too risky for us"), "rejected", False),
        (answer("legal", None, choice="Reject"), "in time", False),
        (answer("legal", None, choice=None), "by hand", True),
        (answer("legal", None), "by hand", True),
        (answer("legal", "lena", rationale="ok"), "rationale", False),
        (answer("legal", "olaf"), "author", False),
        (answer("legal", "dana"), "more than one role", False),
        (answer("legal", "lena", evidence="sha256:" + "b" * 64), "other evidence", True),
        (answer("legal", "lena", assignees=()), "assigned to nobody", True),
    ],
)
def test_one_wrong_answer_refuses_with_its_reason(broken: Answer, word: str, forged: bool) -> None:
    """Each way in which one answer falls short is named; a no that nobody spoke counts as forged."""
    verdict = judge([*THREE[:2], broken])
    assert not verdict.approved
    assert word in " ".join(verdict.reasons)
    assert verdict.forged is forged


def test_a_missing_role_refuses() -> None:
    """Two of three roles are not three."""
    assert not judge(THREE[:2]).approved


def test_no_required_role_approves_nothing() -> None:
    """A policy that names nobody is not a policy that allows everything."""
    assert not judge(THREE, roles=()).approved


def test_a_record_that_disagrees_with_the_ledger_is_forged() -> None:
    """What Airflow says now must be what the ledger heard before."""
    verdict = judge(THREE, recorded=[*THREE[:2], answer("legal", "mallory")])
    assert verdict.forged


def test_an_answer_the_ledger_never_heard_is_forged() -> None:
    """An answer that was not copied into the approvals table counts for nothing."""
    assert judge(THREE, recorded=THREE[:2]).forged
