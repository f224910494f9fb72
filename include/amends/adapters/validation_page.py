"""The page of a validation: what the gate says of a candidate, for a reviewer who has never seen the project.

A pure function of the JSON document. Nothing runs on it and nothing is fetched: no script, one style sheet
named by its hash in the content security policy, every text of the data escaped, without control characters
and of bounded length. Numbers of fewer than 11 rows are withheld, whatever document is shown.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from amends.adapters.validation_marks import (
    STYLE,
    VERDICTS,
    Row,
    badge,
    drawing,
    number,
    rows_told,
    text,
    titled,
)
from amends.domain.canonical import digest_of
from amends.domain.review import CHANGE
from amends.domain.validation import AGAIN, is_intact

SECTIONS = {
    "Performance": "Does it decide and rank as well as the version that serves now?",
    "Calibration": "Do its scores mean what they say, and do its predictions lean to one side?",
    "Fairness by group": "Are people of different groups treated alike, and erred upon alike?",
    "Robustness": "Does it hold on rows it was not made for: noise, missing, far and made-up values?",
    "Privacy": "Does it tell who was in its training rows, or hold personal data?",
    "Service": "Is it as fast and as small as what serves now?",
    "Past incidents": "Would it repeat what went wrong with this model before?",
    "Rows and schema": "Are the rows that it was judged on complete and as they should be?",
}
"""Sections in their order, each with the question it answers."""
BY_CATEGORY = {
    "calibration_drift": "Calibration", "fairness": "Fairness by group", "privacy_leak": "Privacy",
    "service_health": "Service", "data_quality": "Rows and schema", "label_quality": "Rows and schema",
}  # fmt: skip
STRESS = "stress_"
"""First letters of the metrics that try a version on made-up rows."""
METRIC = re.compile(r"[a-z0-9_]{1,80}")
MOST_REASONS = 12


def validation_page(document: Mapping[str, Any]) -> str:
    """Write a validation document as one self-contained page; equal documents give equal pages."""
    policy = f"default-src 'none'; style-src 'sha256-{_sha256(STYLE)}'; base-uri 'none'; form-action 'none'"
    blessed = document["blessed"] is True
    title = f"{document['model']}: {'blessed' if blessed else 'not blessed'}"
    parts = [
        _verdict(document, blessed=blessed),
        READING,
        *(_section(name, document) for name in SECTIONS),
        _lineage(document),
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>Validation of {text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{"".join(parts)}
<footer>Written by Amends {text(document["code_version"])} from the validation document alone. This page runs
no script and loads nothing.</footer>
</main>
</body>
</html>
"""


def _verdict(document: Mapping[str, Any], *, blessed: bool) -> str:
    candidate, champion = (_named(document, role) for role in ("candidate", "champion"))
    evidence = document["evidence"]
    means = (
        f"The {candidate} may be put before the people who approve. Until each required role has said yes, "
        f"the {champion} keeps serving."
        if blessed
        else f"The {candidate} must not replace the {champion}: not every check that has to hold was seen to "
        "hold."
    )
    reasons = document["reasons"]
    lines = "".join(f"<li>{_reason(one)}</li>" for one in reasons[:MOST_REASONS])
    more = f"<li>{len(reasons) - MOST_REASONS} more below</li>" if len(reasons) > MOST_REASONS else ""
    changed = "" if is_intact(document) else _CHANGED
    why = "Why, and what to know" if blessed else "Why not"
    return f"""{changed}<header class="{"good" if blessed else "bad"}">
<p class="over">Validation report</p>
<h1>{text(document["model"])}</h1>
<p class="verdict">{"Blessed" if blessed else "Not blessed"}</p>
<p class="means">{means}</p>
<p class="basis">Both versions scored the same {number(evidence["rows"])} rows;
{number(evidence["labelled"])} of them have a label and a score of each.</p>
{_glance(document)}
</header>
<section><h2>{why}</h2><ul class="reasons">{lines}{more}</ul></section>
"""


_CHANGED = (
    '<p class="alarm"><b>This document was changed after it was made.</b> Its own digest does not fit what '
    "it holds. Don't rely on it; read the original in the ledger.</p>"
)


def _named(document: Mapping[str, Any], role: str) -> str:
    version = document.get("subject", {}).get(role, {}).get("version")
    return f"{role} (version {text(version, 40)})" if version is not None else role


def _reason(reason: str) -> str:
    """A reason in which the measure has its name for people."""
    metric, colon, rest = str(reason).partition(": ")
    name, paren, about = metric.partition(" (")
    base = name.removesuffix(AGAIN).removesuffix(CHANGE)
    if not colon or not METRIC.fullmatch(name):
        return text(reason, 600)
    what = ", change" if name.endswith(CHANGE) else ", past incident" if name.endswith(AGAIN) else ""
    where = f" {text(paren + about)}" if about else ""
    return f"<b>{titled(base.removeprefix(STRESS))[0]}{what}{where}</b>: {text(rest, 600)}"


def _glance(document: Mapping[str, Any]) -> str:
    """Each section in a line: how its checks came out."""
    lines = []
    for number_, name in enumerate(SECTIONS):
        counts = Counter(one["verdict"] for one in document["findings"] if _section_of(one) == name)
        told = " ".join(
            f'<span class="badge {verdict}">{counts[verdict]} {words}</span>'
            for verdict, words in VERDICTS.items()
            if counts[verdict]
        )
        none = '<span class="none">not checked here</span>'
        lines.append(f'<li><a href="#s{number_}">{name}</a><span>{told or none}</span></li>')
    return f'<ul class="glance">{"".join(lines)}</ul>'


READING = f"""<details><summary>How to read this page</summary><dl>
<dt>Champion, candidate</dt><dd>The version that serves now, and the one that may replace it. Both were asked
about the same rows, so that luck in the rows counts for neither.</dd>
<dt>Limit</dt><dd>From the policy. A plain check has a fixed limit; a check marked <i>change</i> compares
with the champion: its limit is the champion's value and what is tolerated beside it.</dd>
<dt>Interval</dt><dd>Where the true value lies with 95 % confidence, given these rows. In the drawing the
bar is the interval, the dot the candidate, the tick the champion, the dashed line the limit.</dd>
<dt>Verdicts</dt><dd>{badge("pass")} shown to hold. {badge("breach")} shown not to hold.
{badge("inconclusive")} these rows do not tell; that is no yes. {badge("no_data")} nothing to check it on.
{badge("error")} the check itself broke.</dd>
<dt>Small groups</dt><dd>Nothing that rests on fewer than 11 rows is shown, so that nobody can be told
from it.</dd></dl></details>
"""


def _section(name: str, document: Mapping[str, Any]) -> str:
    mine = [one for one in document["findings"] if _section_of(one) == name]
    order = list(VERDICTS)
    rows = sorted(mine, key=lambda one: order.index(one["verdict"]) if one["verdict"] in order else -1)
    place = list(SECTIONS).index(name)
    head = f'<section id="s{place}"><h2>{name}</h2><p class="question">{SECTIONS[name]}</p>'
    if not rows:
        return f'{head}<p class="none">No check of this kind was made.</p></section>\n'
    labelled = document["evidence"]["labelled"]
    lines = "".join(_line(Row.of(one, labelled)) for one in rows)
    return f"""{head}<table><thead><tr><th class="c">Check</th><th class="n">Champion</th>
<th class="n">Candidate</th><th class="n">Limit</th><th>Interval</th><th class="n">Rows</th>
<th>Verdict</th></tr></thead>
<tbody>{lines}</tbody></table></section>
"""


def _section_of(finding: Mapping[str, Any]) -> str:
    metric = str(finding["metric"])
    if metric.endswith(AGAIN):
        return "Past incidents"
    named = BY_CATEGORY.get(str(finding["category"]), "Performance")
    if metric.startswith(STRESS) and named not in {"Privacy", "Service"}:
        return "Robustness"
    return named


def _line(row: Row) -> str:
    change = ' <span class="change">change</span>' if row.change else ""
    about = f'<span class="about">{row.about}</span>' if row.about else ""
    title, hint = titled(row.metric.removeprefix(STRESS))
    small = f'<span class="hint">{hint}</span>' if hint else ""
    return (
        f'<tr class="{row.verdict}"><th scope="row">{title}{change}{about}{small}</th>'
        f'<td class="n">{row.champion}</td><td class="n"><b>{row.candidate}</b></td>'
        f'<td class="n">{row.limit}</td><td class="i">{row.interval}{drawing(row)}</td>'
        f'<td class="n">{rows_told(row)}</td><td>{badge(row.verdict)}</td></tr>'
        f'<tr class="why {row.verdict}"><td colspan="7">{row.reason}</td></tr>'
    )


def _lineage(document: Mapping[str, Any]) -> str:
    subject, evidence, policy = document.get("subject", {}), document["evidence"], document["policy"]
    candidate, champion = subject.get("candidate", {}), subject.get("champion", {})
    spans = {name: candidate.get(name) or {} for name in ("trained", "holdout")}
    facts: list[tuple[str, Any, bool]] = [
        ("Candidate", candidate.get("version"), False),
        ("Candidate's content digest", candidate.get("digest"), True),
        ("How it was made", str(candidate.get("method") or "").replace("_", " "), False),
        ("Made for incident", candidate.get("incident"), False),
        ("Made from version", candidate.get("parent"), False),
        ("Learnt from rows", candidate.get("rows"), False),
        ("Digest of those rows", candidate.get("data"), True),
        ("Trained on", _span(spans["trained"]), False),
        ("Held out, not learnt from", _span(spans["holdout"]), False),
        ("Champion", champion.get("version"), False),
        ("Champion's content digest", champion.get("digest"), True),
        ("Reference window", evidence["reference"], True),
        ("Rows as the champion scored them", evidence["champion"], True),
        ("Rows as the candidate scored them", evidence["candidate"], True),
        ("Policy", policy["name"], False),
        ("Policy digest", policy["digest"], True),
        ("Code", f"amends {document['code_version']}", False),
        ("Digest of what this document says", document.get("decision_digest"), True),
        ("Digest of the whole document", digest_of(document), True),
    ]
    lines = "".join(
        f"<dt>{name}</dt><dd>{_fact(value, digest=digest)}</dd>" for name, value, digest in facts if value
    )
    return f"""<section class="lineage"><h2>Lineage</h2>
<p class="question">What exactly was judged, and on what. An approval is bound to the digest of the whole
document: of another candidate, or of other evidence, it is none.</p><dl>{lines}</dl></section>
"""


def _fact(value: Any, *, digest: bool) -> str:
    if digest:
        return f"<code>{text(value)}</code>"
    return text(number(value) if isinstance(value, int) else value)


def _span(window: Mapping[str, Any]) -> str:
    """A window's days; nothing where it is not known."""
    ends: Sequence[str] = [str(window.get(end) or "")[:10] for end in ("start", "end")]
    return f"{ends[0]} to {ends[1]}" if all(ends) else ""


def _sha256(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
