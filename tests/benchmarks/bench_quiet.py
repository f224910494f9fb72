"""How quiet `check` is where nothing is wrong, and what size of fault it finds, beside the plain rules.

``make bench ARGS="-k quiet --windows 4"`` simulates four times as many windows. Every seed is printed.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.assessment import Assessment
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.workflow.assess import assess
from curves import draw
from effects import EFFECTS, Effect
from plain_ports import PlainGate, PlainMetrics
from plain_rules import alarms
from scipy.stats import beta
from streams import HEALTHY, SMALL, STEADY, Stream, digest

POLICY = load_policy()
SEED = 20261124
VENDORS_EVERY = 20
"""One window in so many is judged by Great Expectations and Fairlearn, too: with the same document."""
AT_EACH_SIZE = 10
TOTAL, RULES = Counter[str](), Counter[str]()
CURVES: dict[str, dict[str, list[float]]] = {}
IMAGE = Path(__file__).parents[2] / "docs" / "images" / "power.svg"


def judged(spec: ModelSpec, reference: WindowDigest, now: WindowDigest, *, twice: bool = False) -> Assessment:
    """The assessment; ``twice``: by the vendors, too."""
    quality: Any = PlainGate(POLICY)
    found = assess(spec, POLICY, reference, now, quality=quality, fairness=PlainMetrics())
    if twice:
        gate: Any = GreatExpectationsGate(POLICY)
        again = assess(spec, POLICY, reference, now, quality=gate, fairness=FairlearnMetrics())
        assert again.document() == found.document()
    return found


def upper(failures: int, n: int) -> float:
    """Upper end of the one-sided 95 % interval of a share (Clopper-Pearson; 0 of n: about 3 / n)."""
    return 1.0 if failures == n else float(beta.ppf(0.95, failures + 1, n - failures))


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    """A process for each processor."""
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        yield pool


def quiet(stream: Stream, windows: int, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Judge a healthy stream: incidents, their reasons, and what the plain rules say.

    A reference serves ``stream.run`` windows, then another is drawn: whether a reference is a lucky one
    decides about all its windows.
    """
    starts = range(0, windows, stream.run)
    lengths = [min(stream.run, windows - start) for start in starts]
    seeds = range(SEED, SEED + len(starts))
    false, rules = list[str](), Counter[str]()
    for found, alarmed in pool.map(_run, [stream] * len(starts), seeds, lengths):
        false += found
        rules.update(alarmed)
    return {
        "references": len(starts),
        "windows": windows,
        "false_incidents": len(false),
        "because": false,
        "plain_rules": dict(rules),
    }


def _run(stream: Stream, seed: int, windows: int) -> tuple[list[str], Counter[str]]:
    """A reference and its windows."""
    spec, before = stream.spec(), stream.at(0, seed).table("ref")
    reference = digest(spec, before)
    rules: Counter[str] = Counter()
    false: list[str] = []
    for window in range(1, windows + 1):
        table = stream.at(window, seed).table(f"w{window}")
        found = judged(spec, reference, digest(spec, table, reference), twice=window % VENDORS_EVERY == 0)
        if found.incident:
            false.append(f"seed {seed}, window {window}: {found.incident.because[1]}")
        rules.update({rule: int(said) for rule, said in alarms(stream, before, table).items()})
    return false, rules


@pytest.mark.parametrize("stream", HEALTHY, ids=lambda stream: stream.name)
def test_healthy_streams(
    stream: Stream, multiple: float, workers: ProcessPoolExecutor, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stream by itself may not be loud: at most one false incident in 20 windows, and one more."""
    told = quiet(stream, max(round(stream.windows * multiple), 2), workers)
    TOTAL.update(windows=told["windows"], false=told["false_incidents"])
    RULES.update(told["plain_rules"])
    with capsys.disabled():
        print("\n" + json.dumps({"stream": stream.name, "seed": SEED, **told}))
    assert told["false_incidents"] <= 1 + told["windows"] // 20


def test_healthy_streams_together(capsys: pytest.CaptureFixture[str]) -> None:
    """At most one false incident in a hundred windows of all streams that were simulated."""
    n, false = TOTAL["windows"], TOTAL["false"]
    if not n:
        pytest.skip("no stream was simulated")
    shares = {rule: round(alarmed / n, 3) for rule, alarmed in RULES.items()}
    with capsys.disabled():
        told = {"windows": n, "false_incidents": false, "upper_95_bound": round(upper(false, n), 4)}
        print("\n" + json.dumps({**told, "share_of_windows_that_plain_rules_alarm_on": shares}, indent=1))
    assert false <= math.ceil(n / 100)


def power(effect: Effect, stream: Stream, size: float, windows: int) -> float:
    """Share of windows in which the effect is found."""
    spec, found = stream.spec(), 0
    rows = stream.at(0, SEED)
    if effect.standing:
        effect.plant(rows, size)
    reference = digest(spec, rows.table("ref"))
    for window in range(1, windows + 1):
        rows = stream.at(window, SEED + 1)
        effect.plant(rows, size)
        assessment = judged(spec, reference, digest(spec, rows.table(f"w{window}"), reference))
        found += any(effect.found(finding) for finding in assessment.findings)
    return found / windows


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_planted_effects(effect: Effect, multiple: float, capsys: pytest.CaptureFixture[str]) -> None:
    """At least nine in ten of the stated size are found in windows of 5 000 rows."""
    windows = max(round(AT_EACH_SIZE * multiple), 2)
    CURVES[effect.name] = {
        f"{stream.rows} rows": [power(effect, stream, size, windows) for size in effect.sizes]
        for stream in (STEADY, SMALL)
    }
    large, small = CURVES[effect.name].values()
    with capsys.disabled():
        sizes = dict(zip(effect.sizes, zip(large, small, strict=True), strict=True))
        print("\n" + json.dumps({"effect": effect.name, "n": windows, "seed": SEED + 1, "power": sizes}))
    assert large[list(effect.sizes).index(effect.stated)] >= 0.9


def test_planted_effects_are_drawn(multiple: float) -> None:
    """The curves go to the docs once all are there."""
    if len(CURVES) < len(EFFECTS):
        pytest.skip("not every effect was planted")
    draw(EFFECTS, CURVES, max(round(AT_EACH_SIZE * multiple), 2), IMAGE)
    assert IMAGE.read_bytes().startswith(b"<?xml")
