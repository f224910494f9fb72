"""The page a reviewer reads before answering: what happened, what was done, what is asked."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from amends.domain.incident import Incident
from amends.domain.validation import AGAIN, STRESS

MOST_ROWS = 24
"""Rows of the comparison a person is asked to read; the ledger holds them all."""

MOST_LINES = 12
"""Sentences of the diagnosis that a person is asked to read."""

PLAIN = {
    "error": "**check failed**",
    "breach": "**not ok**",
    "inconclusive": "cannot tell",
    "no_data": "no data",
    "pass": "ok",
}
"""What a verdict is called on the page, gravest first."""

MEASURES = {
    "auc": "Ranking, AUC (1 is best)",
    "accuracy": "Accuracy (1 is best)",
    "balanced_accuracy": "Balanced accuracy (1 is best)",
    "macro_f1": "Mean F1 of the classes (1 is best)",
    "class_f1": "F1 of the class that lost most (1 is best)",
    "brier_score": "Error of the scores, Brier (0 is best)",
    "calibration_error": "Calibration error (0 is best)",
    "mean_absolute_error": "Mean absolute error (0 is best)",
    "root_mean_squared_error": "Root mean squared error (0 is best)",
    "r2": "Share of the labels' variance explained, R2 (1 is best)",
    "bias": "Mean error, in mean absolute errors of the version now (0 is best)",
    "selection_rate_ratio": "Ratio of favourable decisions (1 is equal)",
    "true_positive_rate_difference": "Gap in true positive rate (0 is equal)",
    "false_positive_rate_difference": "Gap in false positive rate (0 is equal)",
    "mean_error_difference": "Gap in mean error, in standard deviations (0 is equal)",
    "mean_absolute_error_difference": "Gap in absolute error, in standard deviations (0 is equal)",
}
"""What the measures that compare two versions are called on the page; others are checks of the rows."""

CHANGE = "_change"
"""Ending of a measure that is judged against the champion's value instead of a fixed limit."""


def code(text: object) -> str:
    """Show data as data: a code span that no markdown, HTML or template in it can leave."""
    flat = re.sub(r"[`\r\n|{}]+", " ", str(text)).strip()
    return f"`{flat or '-'}`"


def approval_body(
    incident: Incident,
    *,
    validated: Mapping[str, Any],
    validation: Mapping[str, Any],
    contained: Mapping[str, Any] | None,
    tradeoff: Mapping[str, Any] | None = None,
    touched: Sequence[str] = (),
    diagnosis: Sequence[str] = (),
    trial: Mapping[str, Any] | None = None,
    evidence: str,
    link: str,
) -> str:
    """Write the request for approval as markdown, for someone who has never seen the project.

    :param validated: facts of ``candidate_validated``: candidate, champion, blessed, reasons.
    :param validation: the validation document; its findings compare candidate with champion.
    :param contained: facts of ``contained``, or None where nothing was rolled back.
    :param tradeoff: what a bias mitigation tried: ``rows`` of the curve, and the ``chosen`` one.
    :param touched: consumers, jobs and models that a change reaches.
    :param diagnosis: what the diagnosis says, a sentence each.
    :param trial: how the candidate's last trial on live rows ended, or runs; None where there was none.
    :param evidence: digest that binds the answer to exactly this evidence.
    """
    candidate, champion = validated["candidate"]["version"], validated["champion"]["version"]
    parts = [
        _what_happened(incident),
        _what_it_comes_from(diagnosis),
        _what_was_done(contained, candidate, validated["candidate"].get("method", "retrain")),
        _whom_it_touches(touched),
        "### How the candidate compares on the same rows\n",
        "*ok*: within the limit, and not worse than now by more than chance and tolerance allow.\n",
        _table(validation["findings"], candidate, champion),
        _curve(tradeoff) if tradeoff else "",
        f"\n**Validation:** {'blessed' if validated['blessed'] else 'not blessed'}. "
        + " ".join(code(reason) for reason in validated["reasons"]),
        _tried(trial) if trial else "",
        f"""
### What you are asked
Approve to let version {code(candidate)} replace version {code(champion)} for every new prediction,
once each required role has approved. Reject to keep version {code(champion)}. If nobody answers in time,
the answer is Reject. Give your reason in *Rationale* (10 characters or more); it is kept in the ledger
under your name.

- Response run: {link}
- Incident: {code(incident.id)}
- Whole validation report: {code(f"amends report {incident.id} --validation best --out report.html")}
- `evidence:{evidence}`
""",
    ]
    return "\n".join(parts)


def _tried(trial: Mapping[str, Any]) -> str:
    """The line on what live rows have shown."""
    how = "beside the champion" if trial["mode"] == "shadow" else "on a share of the rows"
    word = trial["outcome"] or "still running"
    how += f", trial {trial['number']} of this version" if trial["number"] > 1 else ""
    reason = f" {code(trial['reason'])}" if trial["reason"] else ""
    return f"\n**Tried on live rows** ({how}): {word}.{reason}"


def _what_happened(incident: Incident) -> str:
    window = incident.window
    when = f" in the window {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}" if window else ""
    reasons = "\n".join(f"- {code(reason)}" for reason in incident.call.because)
    return f"""### What happened
The production model {code(incident.model)} shows a problem of kind **{code(incident.call.category)}**
(severity **{incident.call.severity}**){when}. Why it was raised:

{reasons}
"""


def _what_it_comes_from(diagnosis: Sequence[str]) -> str:
    """What the frozen rows say; the ledger holds it in full."""
    if not diagnosis:
        return ""
    more = f"\n\n{len(diagnosis) - MOST_LINES} more in the ledger." if len(diagnosis) > MOST_LINES else ""
    lines = "\n".join(f"- {code(line)}" for line in diagnosis[:MOST_LINES])
    return f"### What the diagnosis says\n\n{lines}{more}\n"


MADE = {
    "retrain": "was trained on recent, checked rows",
    "retrain_without": "was trained on recent rows without the broken inputs",
    "recalibrate": "maps the scores of the version before to what they mean now",
    "mask": "is the version before, given something else for the broken inputs",
    "mitigate_bias": "was made so that groups come out more alike",
}
"""How a candidate came to be, by its method."""


def _what_was_done(contained: Mapping[str, Any] | None, candidate: str, method: str) -> str:
    rolled = (
        f"Production was rolled back from version {code(contained['from'])} to {code(contained['to'])}, "
        "which had been approved before."
        if contained
        else "Nothing in production was changed."
    )
    return f"""### What was done so far
{rolled} A new version, {code(candidate)}, {MADE.get(method, f"was made by {code(method)}")}.
"""


def _whom_it_touches(touched: Sequence[str]) -> str:
    if not touched:
        return "Nobody is on record as a consumer of this model.\n"
    return f"A change of this model touches: {', '.join(code(one) for one in touched)}.\n"


def _table(findings: Sequence[Mapping[str, Any]], candidate: str, champion: str) -> str:
    compared = [one for one in findings if one["metric"].removesuffix(CHANGE) in MEASURES]
    checks = [one for one in findings if one["metric"].removesuffix(CHANGE) not in MEASURES]
    rows = sorted(_merged(compared), key=lambda row: list(PLAIN).index(row[0]))
    head = [
        f"| Measure | Version {code(champion)} now | Version {code(candidate)} new | Limit | Verdict |",
        "|---|---|---|---|---|",
    ]
    lines = [f"| {text} | {PLAIN[verdict]} |" for verdict, text in rows[:MOST_ROWS]]
    more = len(rows) - len(lines)
    return (
        "\n".join([*head, *lines]) + (f"\n\n{more} more in the ledger." if more > 0 else "") + _held(checks)
    )


def _curve(tradeoff: Mapping[str, Any]) -> str:
    """What each attempt gains and costs, for people to weigh; the chosen one is marked."""
    head = [
        "\n### What a narrower gap costs\n",
        "| Way | Strength | Accuracy | AUC | Ratio of favourable decisions | Gap in true positives |",
        "|---|---|---|---|---|---|",
    ]
    fields = ("strength", "accuracy", "auc", "selection_rate_ratio", "true_positive_rate_difference")
    chosen = (tradeoff["chosen"]["method"], tradeoff["chosen"]["strength"])
    for row in tradeoff["rows"][:MOST_ROWS]:
        name = code(row["method"].replace("_", " "))
        marked = f"**{name}** (this version)" if (row["method"], row["strength"]) == chosen else name
        head.append("| " + " | ".join([marked, *(_number(row[field]) for field in fields)]) + " |")
    return "\n".join(head)


def _merged(findings: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """One row a measure and group: its fixed limit and its change are two findings on the same numbers."""
    by_row: dict[str, list[Mapping[str, Any]]] = {}
    for one in findings:
        by_row.setdefault(_name(one), []).append(one)
    rows = []
    for name, group in by_row.items():
        shown = min(group, key=lambda one: one["metric"].endswith(CHANGE))
        verdict = min((one["verdict"] for one in group), key=list(PLAIN).index)
        numbers = (_number(shown[field]) for field in ("reference_value", "value", "threshold"))
        rows.append((verdict, " | ".join([name, *numbers])))
    return rows


def _held(checks: Sequence[Mapping[str, Any]]) -> str:
    bad = [one for one in checks if one["verdict"] != "pass"]
    what = "checks of the rows, and of the version on made-up ones,"
    held = f"\n\n{len(checks) - len(bad)} of {len(checks)} {what} hold"
    named = [f"- {PLAIN[one['verdict']]}: {_about(one)} {code(one['reason'])}" for one in bad[:MOST_ROWS]]
    return "\n".join([held + (":" if bad else "."), "", *named]).rstrip()


def _name(finding: Mapping[str, Any]) -> str:
    about = finding["attribute"] or finding["column"]
    about = " and ".join(about) if isinstance(about, list) else about
    name = MEASURES[finding["metric"].removesuffix(CHANGE)]
    return f"{name} by {code(about)}" if about else name


def _about(finding: Mapping[str, Any]) -> str:
    about = finding["attribute"] or finding["column"]
    about = ", ".join(about) if isinstance(about, list) else about
    metric = str(finding["metric"])
    words = metric.removeprefix(STRESS).removesuffix(AGAIN).replace("_", " ")
    where = " on made-up rows" if metric.startswith(STRESS) else ""
    return code(f"{words} of {about}" if about else words) + where


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
