"""Validation documents, and their page as a reader finds it."""

import json
import re
from html.parser import HTMLParser
from typing import Any

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.validation import Validation, bless


def finding(category: Category = Category.PERFORMANCE, metric: str = "auc", **facts: Any) -> Finding:
    """A check that holds."""
    given = {
        "verdict": Verdict.PASS, "reason": "0.800, wanted at least 0.6", "value": 0.8, "threshold": 0.6,
        "reference_value": 0.75, "interval": (0.79, 0.81), "n": 4000, **facts,
    }  # fmt: skip
    return Finding(category=category, metric=metric, **given)


GAP = finding(
    Category.FAIRNESS, "selection_rate_ratio", attribute="sex", groups=("f", "m"), verdict=Verdict.BREACH,
    reason="0.662, wanted at least 0.8", value=0.662, threshold=0.8, reference_value=0.963,
    interval=(0.615, 0.716),
)  # fmt: skip
ALL = (
    finding(),
    finding(metric="auc_change"),
    finding(Category.CALIBRATION_DRIFT, "brier_score"),
    GAP,
    finding(metric="stress_noise_flips"),
    finding(Category.DATA_QUALITY, "stress_missing_scores"),
    finding(Category.PRIVACY_LEAK, "stress_membership_auc", verdict=Verdict.INCONCLUSIVE),
    finding(Category.SERVICE_HEALTH, "stress_scoring_time"),
    finding(Category.FAIRNESS, "selection_rate_ratio_again", attribute="sex", reason="incident i-1: gone"),
    finding(Category.DATA_QUALITY, "null_share", column="income"),
)
SUBJECT: dict[str, Any] = {
    "champion": {"version": "1", "digest": "sha256:" + "a" * 64},
    "candidate": {
        "version": "2", "digest": "sha256:" + "b" * 64, "parent": "1", "rows": 12345, "method": "retrain",
        "data": "sha256:" + "c" * 64, "incident": "lending-20260301-0a1b2c3d",
        "trained": {"start": "2026-01-01T00:00:00+00:00", "end": "2026-02-01T00:00:00+00:00"},
        "holdout": {"start": "2026-02-01T00:00:00+00:00", "end": "2026-02-10T00:00:00+00:00"},
    },
}  # fmt: skip


def document(*findings: Finding, subject: Any = None, **changes: Any) -> dict[str, Any]:
    """The document of a validation."""
    verdict = bless(findings)
    facts: dict[str, Any] = {
        "model": "small_lending", "code_version": "1.2.3", "policy_name": "default",
        "policy_digest": "sha256:" + "d" * 64, "reference": "sha256:r", "champion": "sha256:1",
        "candidate": "sha256:2", "rows": 4000, "labelled": 4000, "findings": findings,
        "blessed": verdict.blessed, "reasons": verdict.reasons,
        "subject": SUBJECT if subject is None else subject,
        **changes,
    }  # fmt: skip
    made: dict[str, Any] = json.loads(json.dumps(Validation(**facts).document()))
    return made


class Read(HTMLParser):
    """What stands on a page: tags, attributes, and the text by section."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "line", "circle"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        """Note a tag without content."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Tags close in the order in which they were opened."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if self.open and self.open[-1] != "style":
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        """All words, in order."""
        return " ".join(word for word in self.words if word)


def section(page: str, name: str) -> str:
    """The text of a section."""
    found = re.search(rf"<section[^>]*><h2>{name}</h2>.*?</section>", page, re.DOTALL)
    assert found
    return Read(found[0]).text
