"""A validation: what the gate says of a candidate beside its champion, and why.

Blessed means: every check that has to hold was seen to hold. Too little evidence is no blessing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from amends.domain.canonical import digest_of, strict
from amends.domain.findings import Category, Finding, Verdict

SCHEMA_VERSION = 1
STANDING = "standing"
"""First word of the reason of a finding that passes a broken limit as the candidate clearly improves it."""
WEIGHED = "for people to weigh"
"""First words of a reason that blocks nothing and that those who approve have to decide about."""
AGAIN = "_again"
"""Ending of the metric of a past incident that was replayed: what is shown blocks, what old rows cannot show
is told, since they will never be more."""
ADVISORY = (Category.DATA_QUALITY, Category.LABEL_QUALITY)
"""Categories in which only a proven breach blocks: a doubt about the rows is told, not held against them."""
STRESS = "stress_"
"""First letters of a metric that is measured on the version itself or on made-up rows (``workflow.stress``).

Of those only a proven breach blocks, too: made-up rows that leave something open are no evidence against a
candidate, and what real rows leave open blocks by itself.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blessing:
    """Whether findings bless a candidate, and the reasons."""

    blessed: bool
    reasons: tuple[str, ...]


def _never(_: Finding) -> bool:
    return False


def bless(findings: Sequence[Finding], weighed: Callable[[Finding], bool] = _never) -> Blessing:
    """Bless a candidate whose findings leave nothing open.

    :param weighed: findings that don't block because people decide about them; the reasons name them.

    Blocking: every breach and every broken check; in performance, calibration and fairness by single
    attribute also a check without enough evidence. Intersections of attributes block only where a harm is
    proven: their cells are too small to prove that there is none. So do the checks of a stress test
    (:data:`STRESS`).
    """
    open_ones = [one for one in findings if _blocks(one)]
    blocking = [one for one in open_ones if not weighed(one)]
    if blocking or not findings:
        none = () if findings else ("nothing was checked",)
        return Blessing(blessed=False, reasons=(*none, *(_sentence(one) for one in blocking)))
    held = sum(one.verdict is Verdict.PASS for one in findings)
    standing = [_sentence(one) for one in findings if one.reason.startswith(STANDING)]
    untold = [_sentence(one) for one in findings if _past(one) and one.verdict is not Verdict.PASS]
    for_people = [f"{WEIGHED}: {_sentence(one)}" for one in open_ones]
    held_all = f"all {held} checks that could be made hold" if not open_ones else f"{held} checks hold"
    return Blessing(blessed=True, reasons=(held_all, *standing, *for_people, *untold))


def _blocks(finding: Finding) -> bool:
    if finding.verdict in (Verdict.BREACH, Verdict.ERROR):
        return True
    if finding.metric.startswith(STRESS):
        return False
    intersection = isinstance(finding.attribute, tuple) and len(finding.attribute) > 1
    spared = finding.category in ADVISORY or intersection or _past(finding)
    return finding.verdict is not Verdict.PASS and not spared


def _past(finding: Finding) -> bool:
    return finding.metric.endswith(AGAIN)


def _sentence(finding: Finding) -> str:
    about = finding.attribute or finding.column
    names = about if isinstance(about, tuple) else (about,) if about else ()
    where = f" ({' & '.join(names)})" if names else ""
    return f"{finding.metric}{where}: {finding.reason}"


@dataclass(frozen=True, kw_only=True)
class Validation:
    """A candidate judged beside its champion on the same rows, as one document.

    ``subject``: the versions behind the rows (number, content digest, lineage), where they are known: their
    digests stand in the document, and so does the document's own digest of all else (:func:`is_intact`).
    """

    model: str
    code_version: str
    policy_name: str
    policy_digest: str
    reference: str
    champion: str
    candidate: str
    rows: int
    labelled: int
    findings: tuple[Finding, ...]
    blessed: bool
    reasons: tuple[str, ...]
    subject: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the contract's document of ``amends gate``; equal inputs give equal bytes."""
        body: dict[str, Any] = strict(
            {
                "schema_version": SCHEMA_VERSION,
                "model": self.model,
                "code_version": self.code_version,
                "policy": {"name": self.policy_name, "digest": self.policy_digest},
                "evidence": {
                    "reference": self.reference,
                    "champion": self.champion,
                    "candidate": self.candidate,
                    "rows": self.rows,
                    "labelled": self.labelled,
                },
                "findings": [finding.document() for finding in self.findings],
                "blessed": self.blessed,
                "reasons": list(self.reasons),
                **({"subject": dict(self.subject)} if self.subject else {}),
            }
        )
        return {**body, "decision_digest": digest_of(body)}

    @cached_property
    def digest(self) -> str:
        """Content digest of the whole document: what an approval is given on."""
        return digest_of(self.document())


def is_intact(document: Mapping[str, Any]) -> bool:
    """Whether a validation document is what the gate wrote: its ``decision_digest`` is that of all else."""
    body = {name: value for name, value in document.items() if name != "decision_digest"}
    return document.get("decision_digest") == digest_of(body)
