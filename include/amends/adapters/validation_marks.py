"""The marks on the page of a validation: texts made harmless, numbers, badges, small drawings, the style."""

import html
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amends.domain.review import CHANGE, MEASURES
from amends.domain.validation import AGAIN

LONGEST = 200
SMALL_CELL = 11
VERDICTS = {
    "error": "broken",
    "breach": "not ok",
    "inconclusive": "cannot tell",
    "no_data": "no data",
    "pass": "ok",
}
"""What a verdict is called, gravest first."""
TINY, TENS, LARGE, HUGE = 0.001, 10, 1000, 1e15
"""Below and above which a number is told otherwise: powers of ten, whole counts, no fractions."""
WITHHELD = "under 11"
NOTHING = "-"
WIDTH, HEIGHT = 120, 14
ROOM = 0.12
"""Share of the drawing that stays free at each end."""


def text(value: object, longest: int = LONGEST) -> str:
    """Show data as text: escaped, on one line, without control or direction characters, of bounded length."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in str(value)[: 4 * longest])
    flat = " ".join(kept.split()) or NOTHING
    shown = flat if len(flat) <= longest else flat[: longest - 1] + "…"
    return html.escape(shown, quote=True)


def number(value: Any) -> str:
    """A number for people: whole ones with thin spaces, others to about four digits; a dash for none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if size >= HUGE or 0 < size < TINY:
        return f"{value:.2g}"
    if isinstance(value, int) or size >= LARGE or (size >= TENS and value == int(value)):
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One check as the page shows it: every text is safe, every number is said or withheld."""

    metric: str
    change: bool
    about: str
    champion: str
    candidate: str
    limit: str
    interval: str
    rows: str
    verdict: str
    reason: str
    points: tuple[float, ...] = ()

    @classmethod
    def of(cls, finding: Mapping[str, Any], labelled: int) -> "Row":
        """Take a finding of a document; what rests on fewer than SMALL_CELL rows is withheld."""
        n, interval = finding.get("n"), finding.get("interval")
        hidden = isinstance(n, int) and 0 < n < SMALL_CELL
        numbers = [finding.get(name) for name in ("reference_value", "value", "threshold")]
        ends = list(interval) if isinstance(interval, list | tuple) and len(interval) == 2 else []  # noqa: PLR2004
        known = [one for one in (*numbers, *ends) if _finite(one)]
        told = [NOTHING if hidden else number(one) for one in numbers[:2]]
        metric = str(finding["metric"])
        verdict = str(finding["verdict"])
        return cls(
            metric=metric.removesuffix(AGAIN).removesuffix(CHANGE),
            change=metric.endswith(CHANGE),
            about=_about(finding, hidden=hidden),
            champion=told[0],
            candidate=told[1],
            limit=number(numbers[2]),
            interval="" if hidden or not all(map(_finite, ends)) or not ends else _interval(ends),
            rows=_rows(n, labelled, fairness=finding["category"] == "fairness"),
            verdict=verdict if verdict in VERDICTS else "error",
            reason="withheld: it rests on fewer than 11 rows" if hidden else text(finding["reason"], 600),
            points=() if hidden or len(known) < 5 else tuple(float(one) for one in known),  # noqa: PLR2004
        )


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _about(finding: Mapping[str, Any], *, hidden: bool) -> str:
    about = finding.get("attribute") or finding.get("column")
    names = [about] if isinstance(about, str) else list(about or ())
    groups = [] if hidden else list(finding.get("groups") or ())
    by = " & ".join(f"<bdi>{text(name, 60)}</bdi>" for name in names)
    among = ", ".join(f"<bdi>{text(name, 60)}</bdi>" for name in groups[:4])
    return f"{by}: {among}" if by and among else by or among


def _interval(ends: list[Any]) -> str:
    return f'<span class="ends">{number(float(ends[0]))} … {number(float(ends[1]))}</span>'


def _rows(n: Any, labelled: int, *, fairness: bool) -> str:
    """How many rows; of a group gap not where the rest would be a small group."""
    if not isinstance(n, int) or isinstance(n, bool):
        return NOTHING
    if 0 < n < SMALL_CELL:
        return WITHHELD
    rest = labelled - n if isinstance(labelled, int) else 0
    return f"over {number(n - n % 100)}" if fairness and 0 < rest < SMALL_CELL else number(n)


def rows_told(row: Row) -> str:
    """The number of rows of a check."""
    return row.rows


def titled(metric: str) -> tuple[str, str]:
    """What a measure is called, and what its ends mean."""
    name = MEASURES.get(metric)
    if name is None:
        return text(metric.replace("_", " ").capitalize(), 80), ""
    title, _, hint = name.partition(" (")
    return text(title), text(hint.rstrip(")")) if hint else ""


def badge(verdict: str) -> str:
    """A verdict in words, with its colour."""
    return f'<span class="badge {verdict}">{VERDICTS[verdict]}</span>'


def drawing(row: Row) -> str:
    """Draw champion, candidate, limit and interval on one line; nothing where a number is missing."""
    if not row.points:
        return ""
    low, high = min(row.points), max(row.points)
    if not (math.isfinite(high - low) and high > low):
        return ""

    def at(value: float) -> str:
        return f"{WIDTH * (ROOM + (1 - 2 * ROOM) * (value - low) / (high - low)):.1f}"

    champion, candidate, limit, left, right = (at(one) for one in row.points)
    middle = HEIGHT // 2
    return (
        f'<svg class="{row.verdict}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="interval"><line class="track" x1="0" x2="{WIDTH}" y1="{middle}" '
        f'y2="{middle}"/><line class="limit" x1="{limit}" x2="{limit}" y1="0" y2="{HEIGHT}"/>'
        f'<line class="bar" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>'
        f'<line class="tick" x1="{champion}" x2="{champion}" y1="2" y2="{HEIGHT - 2}"/>'
        f'<circle cx="{candidate}" cy="{middle}" r="3.5"/></svg>'
    )


STYLE = """
:root { --ink: #1d232b; --soft: #5c6773; --line: #e3e7ec; --paper: #fff; --ground: #f4f6f8;
  --good: #1a7f4b; --bad: #b3261e; --open: #8a6100; --none: #5c6773; color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 24px 40px; }
header, section, details { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px 26px; margin: 0 0 16px; overflow-x: auto; }
header { border-left: 8px solid var(--bad); padding: 24px 26px; }
header.good { border-left-color: var(--good); }
.over { margin: 0; color: var(--soft); font-size: 12px; letter-spacing: .08em; text-transform: uppercase; }
h1 { margin: 0 0 10px; font-size: 22px; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 0 0 2px; font-size: 17px; }
.verdict { margin: 0; font-size: 38px; line-height: 1.1; font-weight: 700; color: var(--bad); }
.good .verdict { color: var(--good); }
.means { margin: 10px 0 14px; font-size: 16px; max-width: 46em; }
.basis, .question, .none { margin: 0; color: var(--soft); }
.question { margin-bottom: 12px; }
ul.glance { list-style: none; display: grid; grid-template-columns: 1fr 1fr;
  gap: 0 40px; margin: 14px 0 0; padding: 0; }
ul.glance li { display: flex; justify-content: space-between; gap: 10px; align-items: center;
  border-top: 1px solid var(--line); padding: 6px 0; font-size: 14px; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
.pass { color: var(--good); } .breach, .error { color: var(--bad); }
.inconclusive { color: var(--open); } .no_data { color: var(--none); }
ul.reasons { margin: 8px 0 0; padding-left: 20px; } ul.reasons li { overflow-wrap: anywhere; margin: 3px 0; }
table { border-collapse: collapse; width: 100%; min-width: 860px; font-size: 14px; table-layout: fixed; }
th.n { width: 96px; } th.c { width: auto; } thead th:nth-child(5) { width: 176px; }
thead th:nth-child(6) { width: 84px; } thead th:nth-child(7) { width: 118px; }
th:last-child, tr:not(.why) td:last-child { padding-left: 14px; }
@media (max-width: 760px) { ul.glance { grid-template-columns: 1fr; } main { padding: 12px; } }
thead th { text-align: left; color: var(--soft); font-weight: 500; font-size: 12px; padding: 0 10px 6px 0;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
tbody th, tbody td { text-align: left; vertical-align: top; padding: 10px 10px 0 0; color: var(--ink); }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
tbody td:last-child { padding-right: 0; }
th.n, td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.i { white-space: nowrap; padding-left: 14px; font-variant-numeric: tabular-nums; }
thead th:nth-child(5) { padding-left: 14px; }
tr.why td { padding: 2px 10px 10px 0; border-bottom: 1px solid var(--line); color: var(--soft);
  font-size: 13px; overflow-wrap: anywhere; }
tr.why:last-child td { border-bottom: 0; }
tr.why.breach td, tr.why.error td { color: var(--bad); }
.change { font-weight: 500; font-size: 11px; color: var(--soft); border: 1px solid var(--line);
  border-radius: 4px; padding: 0 5px; }
.about, .hint { display: block; font-weight: 400; font-size: 13px; color: var(--ink); }
.hint { color: var(--soft); font-size: 12px; }
.ends { display: block; font-size: 13px; }
.badge { display: inline-block; white-space: nowrap; border-radius: 99px; padding: 1px 10px; font-size: 12px;
  font-weight: 600; background: color-mix(in srgb, currentColor 12%, transparent); }
svg { display: block; margin-top: 2px; }
svg line { stroke: var(--line); stroke-width: 1; }
svg .limit { stroke: var(--soft); stroke-dasharray: 2 2; }
svg .bar { stroke: currentColor; stroke-width: 4; opacity: .35; }
svg .tick { stroke: var(--ink); stroke-width: 2; }
svg circle { fill: currentColor; }
details summary { cursor: pointer; font-weight: 600; }
dl { display: grid; grid-template-columns: 230px 1fr; gap: 6px 16px; margin: 12px 0 0; font-size: 14px; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
.alarm { background: var(--bad); color: #fff; border-radius: 10px; padding: 14px 26px; margin: 0 0 16px; }
footer { color: var(--soft); font-size: 12px; padding: 4px 4px 0; }
@media print { body { background: #fff; } main { padding: 0; max-width: none; }
  header, section, details { border-radius: 0; break-inside: auto; } tr { break-inside: avoid; } }
"""
