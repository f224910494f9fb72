"""A validation page is safe to open: whatever stands in a document, it comes out as text."""

import re
from pathlib import Path
from typing import Any

import pytest
from amends.adapters.validation_marks import LONGEST, STYLE, text
from amends.adapters.validation_page import validation_page
from amends.domain.findings import Category, Verdict
from browser import needs_browser, opened
from validations import ALL, SUBJECT, Read, document, finding, section

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


@needs_browser
def test_nothing_in_the_data_runs_in_a_browser(tmp_path: Path) -> None:
    """Chromium shows a hostile page with its style, and runs none of its payloads."""
    document = opened(tmp_path / "report.html", validation_page(hostile()))
    assert "Validation report" in document
    assert "data-pwned" not in document[: document.index("<head")]
    assert not re.search(r"<(img|iframe|script)\b", document)


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
