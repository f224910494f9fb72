"""The report that people open: nothing in the data runs, nothing is fetched, no single person shows."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.evidently import RARE, EvidentlyReporter, comparable
from amends.adapters.report_page import LONGEST, page, plain, plain_names
from amends.domain.findings import Category, Finding, Verdict
from amends.measures.digests import WindowDigest
from browser import needs_browser, opened
from lending import applicants, digested, lending_spec, scored

MARK = "document.documentElement.setAttribute('data-pwned','1')"
PAYLOADS = (
    f"</script><img src=x onerror={MARK}>",
    f"<script>{MARK}</script>",
    f"a</script><script>{MARK}</script>",
    f"<svg/onload={MARK}>",
    f'<iframe srcdoc="<script>parent.{MARK}</script>"></iframe>',
    f'<a href="javascript:{MARK}">click</a>',
    f"'\"--></style></script><script>{MARK}</script>",
    f"]]>\u2028{MARK}//",
    "<img src=http://127.0.0.1:9/beacon>",
    "{{ conn.pg_secret.password }}",
    "<!--<script>",
    "\ud7ff\u202eevil\u0000\u001b[31m",
)  # fmt: skip


def digests(spec: Any, change: Any = lambda p: p, rows: int = 1500) -> tuple[WindowDigest, WindowDigest]:
    """Reference and current digest of changed rows."""
    tables = []
    for seed in (1, 2):
        people = applicants(rows, seed)
        tables.append(scored(change(people), people["truth"]))
    before = digested(spec, tables[0])
    return before, digested(spec, tables[1], before.grid)


def hostile() -> tuple[Any, WindowDigest, WindowDigest, list[Finding]]:
    """Payloads as levels, groups, column names and texts of findings."""
    names = {f"feature {payload}": payload for payload in PAYLOADS[:3]}
    spec = lending_spec(
        columns={"numeric": ["income", *names], "categorical": ["region"], "sensitive": ["sex"]}
    )

    def planted(people: pd.DataFrame) -> pd.DataFrame:
        pick = np.arange(len(people)) % len(PAYLOADS)
        levels = np.array(PAYLOADS, dtype=object)[pick]
        return people.assign(region=levels, sex=levels[::-1], **dict.fromkeys(names, people["miles"]))

    found = [
        Finding(
            category=Category.FAIRNESS, metric=payload, verdict=Verdict.BREACH, reason=f"because {payload}",
            attribute=payload, groups=(payload, "m"), value=0.5, interval=(0.4, 0.6), n=100,
        )
        for payload in PAYLOADS
    ]  # fmt: skip
    return spec, *digests(spec, planted), found


def embedded(html: str) -> Any:
    """The data block of a page."""
    (block,) = re.findall(r'<script type="application/json" id="report">(.*?)</script>', html, re.DOTALL)
    return json.loads(block)


@needs_browser
def test_nothing_in_the_data_runs_in_a_browser(tmp_path: Path) -> None:
    """Chromium draws the charts of a hostile report and runs none of its payloads."""
    document = opened(tmp_path / "report.html", EvidentlyReporter().render(*hostile()))
    root = document[document.index('<div id="root">') : document.index('<script type="application/json"')]
    assert "Bias: rates by group" in root
    assert "data-pwned" not in document[: document.index("<head")]
    assert not re.search(r"<(img|iframe|script)\b", root)


@needs_browser
def test_the_browser_test_can_fail(tmp_path: Path) -> None:
    """The same payload written into a script as Evidently writes it does run: the mark is seen."""
    for payload in (PAYLOADS[0], PAYLOADS[2]):
        naive = f"<html><head><script>var data = {json.dumps(payload)};</script></head><body></body></html>"
        document = opened(tmp_path / "naive.html", naive)
        assert 'data-pwned="1"' in document[: document.index("<head")]


def test_no_markup_of_the_data_stands_in_the_page() -> None:
    """Outside the page's own scripts there is no payload, and the data block has no character of markup."""
    html = EvidentlyReporter().render(*hostile())
    block = html[html.index('id="report">') + len('id="report">') :]
    block = block[: block.index("</script>")]
    assert not set("<>&\u2028\u2029") & set(block)
    assert html.count("<script") - _library(html).count("<script") == 4
    assert MARK not in html.replace(_library(html), "").replace(block, "")


def _library(html: str) -> str:
    """Evidently's own drawing code in the page."""
    return max(re.findall(r"<script>(.*?)</script>", html, re.DOTALL), key=len)


def test_the_policy_allows_the_pages_own_scripts_only() -> None:
    """The content security policy names three hashes, no inline exception, no address."""
    html = page("title", [])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    scripts = next(part for part in policy[1].split(";") if part.strip().startswith("script-src"))
    assert len(re.findall(r"'sha256-", scripts)) == 3
    assert "unsafe" not in scripts
    assert "http" not in policy[1]
    assert "default-src 'none'" in policy[1]


def test_the_same_digests_give_the_same_page() -> None:
    """Evidently's random widget ids are numbered: two renderings agree to the last byte."""
    spec = lending_spec()
    both = digests(spec)
    assert EvidentlyReporter().render(spec, *both, []) == EvidentlyReporter().render(spec, *both, [])


def test_levels_of_few_rows_are_pooled_and_numbers_are_means_of_many() -> None:
    """A level in ten rows is not named, and no number on the page is one person's."""
    spec = lending_spec()

    def rare(people: pd.DataFrame) -> pd.DataFrame:
        region = people["region"].mask(people.index < 10, "078-05-1120")
        return people.assign(region=region, income=people["income"].mask(people.index == 5, 987654.25))

    both = digests(spec, rare)
    frames, _ = comparable(spec, *both, [])
    assert frames is not None
    assert RARE in set(frames[1]["region"])
    html = EvidentlyReporter().render(spec, *both, [])
    assert "078-05-1120" not in html
    assert "987654" not in html


ODD = {
    "all null": lambda p: p.assign(miles=np.nan, region=None),
    "constant": lambda p: p.assign(miles=1.0, region="one"),
    "infinite": lambda p: p.assign(miles=np.inf),
    "huge": lambda p: p.assign(miles=p["miles"] * 1e300),
    "texts": lambda p: p.assign(miles="n/a"),
    "every value its own level": lambda p: p.assign(region=p["id"]),
    "no labels": lambda p: p.assign(label=pd.Series([None] * len(p), dtype="Int64")),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_columns_are_left_out_with_a_note(name: str) -> None:
    """Whatever a column holds, the page is made; what cannot be drawn is named with the reason."""
    spec = lending_spec()
    both = digests(spec, ODD[name])
    html = EvidentlyReporter().render(spec, *both, [])
    titles = {widget["title"] for widget in embedded(html)["dashboard"]["widgets"]}
    expected = name not in ("no labels", "every value its own level")
    assert ("Columns that are not drawn" in titles) == expected


def test_tiny_windows_get_tables_without_charts() -> None:
    """With one row or twenty there is nothing to draw, and the findings still show."""
    spec = lending_spec()
    finding = Finding(category=Category.PERFORMANCE, metric="auc", verdict=Verdict.NO_DATA, reason="1 row")
    for rows in (1, 20):
        html = EvidentlyReporter().render(spec, *digests(spec, rows=rows), [finding])
        assert "Performance and calibration" in html


def test_the_column_that_moved_most_is_drawn_first() -> None:
    """Of a hundred columns thirty are drawn, the breached one among them."""
    names = [f"x{i}" for i in range(60)]
    spec = lending_spec(columns={"numeric": names})
    both = digests(spec, lambda p: p.assign(**{name: p["income"] + i for i, name in enumerate(names)}))
    breach = Finding(
        category=Category.DATA_DRIFT, metric="psi", column="x59", verdict=Verdict.BREACH, reason="moved"
    )
    frames, notes = comparable(spec, *both, [breach])
    assert frames is not None
    assert next(iter(frames[0])) == "x59"
    assert len(frames[0].columns) == 30
    assert len(notes) == 60 + 3 - 30


def test_plain_text_is_short_flat_and_without_markup() -> None:
    """Control, direction and markup characters are gone; length is bounded; look-alikes stay apart."""
    for payload in PAYLOADS:
        shown = plain(payload)
        assert not set("<>&{}\u202e\u0000\n") & set(shown)
        assert len(shown) <= LONGEST
    assert plain("x" * 1_000_000).endswith("…")
    assert plain("") == "(blank)"
    assert len(set(plain_names(["a<", "a\u2039", "a", ""]).values())) == 4


def test_nothing_is_sent_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering opens no connection."""
    import socket

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    spec = lending_spec()
    assert EvidentlyReporter().render(spec, *digests(spec), [])


def test_the_parquet_text_of_a_payload_survives_the_digest() -> None:
    """The payloads really are in the digest: the test above does not pass because they were lost."""
    _, before, _, _ = hostile()
    assert PAYLOADS[0] in before.categorical["region"].counts
    assert pa.types.is_string(pa.array([PAYLOADS[0]]).type)
