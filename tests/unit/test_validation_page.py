"""The page of a validation: the verdict comes first, nothing in it runs, nobody is told from it."""

import copy
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from amends.adapters.validation_marks import LONGEST, STYLE, number, text
from amends.adapters.validation_page import SECTIONS, validation_page
from amends.domain.canonical import digest_of
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.validation import Validation, bless, is_intact

MARK = "document.documentElement.setAttribute('data-pwned','1')"
PAYLOADS = (
    f"</script><img src=x onerror={MARK}>",
    f"<script>{MARK}</script>",
    f"</style><script>{MARK}</script>",
    f"<svg/onload={MARK}>",
    f'"><svg onload={MARK}>',
    f"' onmouseover={MARK} x='",
    f'<a href="javascript:{MARK}">click</a>',
    f'<iframe srcdoc="<script>parent.{MARK}</script>"></iframe>',
    "<img src=http://127.0.0.1:9/beacon>",
    "<style>@import 'http://127.0.0.1:9/x.css'</style>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "{{ conn.pg_secret.password }}",
    "<!--<script>",
    "\ud7ff\u202eevil\u0000\u001b[31m",
)  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


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


def test_the_verdict_comes_first_and_then_each_section_in_its_order() -> None:
    """Not blessed, why, then all eight sections and the lineage."""
    page = validation_page(document(*ALL))
    words = Read(page).text
    places = [words.index(one) for one in ("Not blessed", "Why not", "How to read this page")]
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert places == sorted(places)
    assert heads == ["Why not", *SECTIONS, "Lineage"]
    assert "The candidate (version 2) must not replace the champion (version 1)" in words
    assert "Ratio of favourable decisions (sex) : 0.662, wanted at least 0.8" in words


def test_a_row_holds_champion_candidate_limit_interval_rows_verdict_and_reason() -> None:
    """The numbers of a finding stand in one row, in this order, with the groups it is about."""
    words = section(validation_page(document(*ALL)), "Fairness by group")
    assert (
        "Ratio of favourable decisions sex : f , m 1 is equal 0.963 0.662 0.800 0.615 … 0.716 4 000 not ok "
        "0.662, wanted at least 0.8"
    ) in words


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("Performance", "Ranking, AUC"), ("Calibration", "Error of the scores, Brier"),
        ("Robustness", "Noise flips"), ("Robustness", "Missing scores"), ("Privacy", "Membership auc"),
        ("Service", "Scoring time"), ("Past incidents", "incident i-1: gone"),
        ("Rows and schema", "Null share"),
    ],
)  # fmt: skip
def test_each_check_stands_in_its_section(name: str, holds: str) -> None:
    """The category of a finding, or how its metric is named, says where a reviewer looks for it."""
    page = validation_page(document(*ALL))
    assert holds in section(page, name)
    assert [holds in section(page, other) for other in SECTIONS].count(True) == 1


def test_a_section_without_checks_says_so() -> None:
    """Silence is no pass: a file of rows tells nothing of privacy or service."""
    page = validation_page(document(finding()))
    assert "No check of this kind was made." in section(page, "Privacy")
    assert "not checked here" in Read(page).text
    assert "Blessed" in Read(page).text


def test_what_does_not_hold_comes_before_what_does() -> None:
    """In a section the gravest verdict is read first."""
    order = [Verdict.PASS, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.BREACH, Verdict.ERROR]
    page = validation_page(document(*(finding(verdict=one, reason=f"said {one}") for one in order)))
    words = section(page, "Performance")
    places = [words.index(f"said {one}") for one in reversed(order)]
    assert places == sorted(places)


def test_the_page_is_bound_to_the_candidate_and_to_the_document() -> None:
    """Content digests of both versions, of the rows, and of the document itself stand on the page."""
    made = document(*ALL)
    page = validation_page(made)
    lineage = section(page, "Lineage")
    for digest in (
        SUBJECT["candidate"]["digest"], SUBJECT["champion"]["digest"], SUBJECT["candidate"]["data"],
        made["decision_digest"], digest_of(made), made["policy"]["digest"],
    ):  # fmt: skip
        assert digest in lineage
    assert "Trained on 2026-01-01 to 2026-02-01" in lineage
    assert made["subject"]["candidate"]["digest"] == SUBJECT["candidate"]["digest"]
    assert "changed after it was made" not in page


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(blessed=True),
        lambda one: one["findings"][3].update(verdict="pass"),
        lambda one: one["subject"]["candidate"].update(digest="sha256:" + "e" * 64),
        lambda one: one.pop("decision_digest"),
    ],
)
def test_a_document_that_was_changed_says_so_first(change: Any) -> None:
    """The document holds a digest of all else: another verdict, number or version no longer fits it."""
    made = document(*ALL)
    assert is_intact(made)
    forged = copy.deepcopy(made)
    change(forged)
    assert not is_intact(forged)
    assert Read(validation_page(forged)).text.index("This document was changed") < 60


def test_the_same_document_gives_the_same_page() -> None:
    """Two renderings agree to the last byte, whatever the order of the document's keys."""
    made = document(*ALL)
    turned = json.loads(json.dumps(dict(reversed(made.items()))))
    assert validation_page(made) == validation_page(turned)


def hostile() -> dict[str, Any]:
    """Payloads wherever a document holds text."""
    findings = tuple(
        finding(
            category, payload, attribute=(payload, payload), groups=(payload, "m"), column=payload,
            reason=f"because {payload}", verdict=verdict,
        )
        for payload in PAYLOADS
        for category, verdict in ((Category.FAIRNESS, Verdict.BREACH), (Category.PERFORMANCE, Verdict.PASS))
    )  # fmt: skip
    everywhere = "".join(PAYLOADS[:3])
    candidate = dict.fromkeys(SUBJECT["candidate"], PAYLOADS[0]) | {
        "trained": {"start": PAYLOADS[1], "end": PAYLOADS[2]}, "holdout": None,
    }  # fmt: skip
    return document(
        *findings, model=everywhere, code_version=PAYLOADS[1], policy_name=PAYLOADS[4],
        policy_digest=PAYLOADS[5], candidate=PAYLOADS[3], reference=PAYLOADS[6],
        reasons=tuple(f"auc: {one}" for one in PAYLOADS),
        subject={"champion": {"version": PAYLOADS[4], "digest": PAYLOADS[4]}, "candidate": candidate},
    )  # fmt: skip


def test_hostile_texts_come_out_as_texts() -> None:
    """No tag, no attribute and no address comes from the data; the payloads are read as they were written."""
    page = validation_page(hostile())
    plain = Read(validation_page(document(*ALL)))
    seen = Read(page)
    allowed = {tag for tag, _ in plain.tags}
    names = {name for _, attributes in plain.tags for name in attributes}
    assert {tag for tag, _ in seen.tags} <= allowed
    assert {name for _, attributes in seen.tags for name in attributes} <= names
    assert not allowed & {"script", "img", "iframe", "link", "object", "form", "base"}
    assert not names & {"src", "style", "srcdoc", "onload", "onerror"}
    links = [attributes["href"] for tag, attributes in seen.tags if tag == "a"]
    assert all(re.fullmatch(r"#s\d", str(link)) for link in links)
    assert PAYLOADS[1] in seen.text
    assert not set("\u202e\u0000\u001b") & set(page)


def test_verdicts_of_a_stranger_become_no_class_of_their_own() -> None:
    """A document with a verdict that nobody knows is shown as broken, not as markup or as a pass."""
    made = document(finding())
    made["findings"][0]["verdict"] = 'pass" onload="x'
    page = validation_page(made)
    assert "onload" not in page
    assert "broken" in section(page, "Performance")


def test_the_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    """One style sheet by its hash; no script, no image, no address, no form."""
    import base64
    import hashlib

    page = validation_page(document(*ALL))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert policy[1] == (
        f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    )
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to open the page with")
def test_nothing_in_the_data_runs_in_a_browser(tmp_path: Path) -> None:
    """Chromium shows a hostile page with its style, and runs none of its payloads."""
    file = tmp_path / "report.html"
    file.write_text(validation_page(hostile()), encoding="utf-8")
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "Validation report" in done.stdout
    assert "data-pwned" not in done.stdout[: done.stdout.index("<head")]
    assert not re.search(r"<(img|iframe|script)\b", done.stdout)


def test_numbers_of_few_people_are_withheld() -> None:
    """Ten rows tell nobody's number, name no group, and a rest of five is not told either."""
    few = finding(
        Category.FAIRNESS, "selection_rate_ratio", attribute="sex", groups=("rare",), n=10, value=0.4321,
        reference_value=0.5432, interval=(0.3456, 0.4567), reason="4 of 10 rare people",
    )  # fmt: skip
    rest = finding(Category.FAIRNESS, "true_positive_rate_difference", attribute="sex", n=3995)
    page = validation_page(document(few, rest))
    words = section(page, "Fairness by group")
    assert "under 11" in words
    for told in ("0.432", "0.543", "0.346", "0.457", "rare", "4 of 10", "3 995"):
        assert told not in words
    assert "over 3 900" in words


def test_the_last_row_withheld_and_the_first_row_told() -> None:
    """Eleven rows may be shown: the bound of the house."""
    words = section(validation_page(document(finding(n=11))), "Performance")
    assert "0.800" in words
    assert "withheld" not in words


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "-"), (float("nan"), "-"), (True, "-"), (0, "0"), (0.0, "0.000"), (0.12345, "0.123"),
        (1234567, "1 234 567"), (200.0, "200"), (50321.7, "50 322"), (1e12, "1 000 000 000 000"),
        (2.5e300, "2.5e+300"), (0.00012, "0.00012"), (-0.05, "-0.050"),
    ],
)  # fmt: skip
def test_numbers_are_told_by_hand(value: Any, told: str) -> None:
    """Four digits are enough for a person, whole numbers stay whole, and no number is a dash."""
    assert number(value).replace("\u202f", " ") == told


def test_texts_are_short_flat_and_escaped() -> None:
    """A long name, a control character and a quote cannot leave their place."""
    assert text("a\nb\tc") == "a b c"
    assert text("") == "-"
    assert text('<&">') == "&lt;&amp;&quot;&gt;"
    assert len(text("x" * 1_000_000)) == LONGEST


@pytest.mark.parametrize("strange", [1e308, -1e308, 0.0])
def test_odd_numbers_are_drawn_or_left_out(strange: float) -> None:
    """Huge spans and spans of nothing give a page, and no number that is none stands in a drawing."""
    odd = finding(value=strange, threshold=-strange, reference_value=strange, interval=(strange, strange))
    page = validation_page(document(odd))
    assert not re.search(r'(x1|cx)="(nan|inf|-inf)', page)
