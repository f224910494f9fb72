"""Whether the candidate is as fast and small as what it replaces, and reads what the spec says.

A measured time is no function of the inputs, so a finding on time carries a number only where it breaches:
the validation of a candidate that keeps its limits has the same bytes each time. What was measured is handed
back beside the findings.
"""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.promotion import ModelVersion
from amends.measures.robustness import answers, taken
from amends.workflow.stress_bench import Bench, Loaded, told

BYTES = "amends.bytes"
"""Tag with the size of a version's artefact, written when it is registered."""
RUNS = 5
PER = 1000


def time_scoring(bench: Bench, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds per 1 000 rows of each version: median of five runs, the two in alternation, one to warm up."""
    rows = bench.frame.head(PER)
    times: dict[str, list[float]] = {"champion": [], "candidate": []}
    for run in range(RUNS + 1):
        for name, one in (("champion", bench.champion), ("candidate", bench.candidate)):
            seconds = taken(_scoring(one, rows), clock) * PER / max(len(rows), 1)
            if run:
                times[name].append(seconds)
    return {name: median(found) for name, found in times.items()}


def _scoring(one: Loaded, rows: Any) -> Callable[[], object]:
    return lambda: answers(one.score, rows)


def judge_time(bench: Bench, seconds: dict[str, float]) -> Finding:
    """Judge time: a breach only where it is long by itself and long beside the champion's."""
    most, ratio = (bench.policy.limit(f"gate.scoring_{name}") for name in ("seconds", "ratio"))
    mine, theirs = seconds["candidate"], seconds["champion"]
    slow = mine > most and mine > ratio * theirs
    limits = f"{most:g} s per 1 000 rows and {ratio:g} times the champion's are tolerated, one or the other"
    said = f"scoring 1 000 rows takes {mine:.3g} s, the champion {theirs:.3g} s; {limits}"
    return told(
        "scoring_time", Category.SERVICE_HEALTH, Verdict.BREACH if slow else Verdict.PASS,
        said if slow else f"scoring is fast enough: {limits}", n=min(PER, len(bench.frame)),
        value=mine if slow else None, threshold=most,
    )  # fmt: skip


def judge_size(bench: Bench) -> Finding:
    """Judge the artefact's bytes: a breach only beyond the absolute limit and the ratio."""
    most, ratio = (bench.policy.limit(f"gate.artefact_{name}") for name in ("bytes", "ratio"))
    mine, theirs = (_bytes(one.version) for one in (bench.candidate, bench.champion))
    if mine is None:
        return told(
            "artefact_bytes", Category.SERVICE_HEALTH, Verdict.NO_DATA, threshold=most,
            reason="the registry does not know how large the artefact is",
        )  # fmt: skip
    large = mine > most and (theirs is None or mine > ratio * theirs)
    beside = "unknown" if theirs is None else f"{theirs:,}"
    return told(
        "artefact_bytes", Category.SERVICE_HEALTH, Verdict.BREACH if large else Verdict.PASS,
        f"the artefact has {mine:,} bytes, the champion's {beside}; {most:,.0f} and {ratio:g} times the "
        "champion's are tolerated, one or the other", value=float(mine), threshold=most,
    )  # fmt: skip


def judge_inputs(bench: Bench) -> Iterator[Finding]:
    """Name inputs that the spec does not have, and features that the candidate does without.

    An input beyond the spec is a breach where it is new or tells who somebody is; one that the champion reads
    as well is told.
    """
    inputs, known = bench.candidate.inputs, bench.spec.columns.features
    if inputs is None:
        yield told(
            "inputs", Category.DATA_QUALITY, Verdict.NO_DATA, "the version does not say which inputs it reads"
        )  # fmt: skip
        return
    extra = tuple(name for name in inputs if name not in {*known, *bench.allowed})
    new = [name for name in extra if name not in (bench.champion.inputs or ()) or name in _personal(bench)]
    unread = tuple(name for name in known if name not in inputs)
    verdict = Verdict.BREACH if new else Verdict.INCONCLUSIVE if unread or extra else Verdict.PASS
    reason = "the version reads the spec's features"
    if unread:
        reason = f"the version does without {', '.join(unread)}"
    if extra:
        reason = f"the version reads {', '.join(extra)}, which the spec does not name as a feature"
    category = Category.PRIVACY_LEAK if set(extra) & _personal(bench) else Category.DATA_QUALITY
    yield told("inputs", category, verdict, reason, column=extra or unread or None, n=len(inputs))


def _personal(bench: Bench) -> set[str]:
    """Columns that no version reads unasked, whatever the champion reads: who somebody is, and the answer."""
    c = bench.spec.columns
    return {*c.sensitive, *c.text, c.id, c.label} - {*c.features, *bench.allowed}


def _bytes(version: ModelVersion) -> int | None:
    tag = version.tag(BYTES)
    return int(tag) if tag and tag.isdecimal() else None
