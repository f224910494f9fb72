"""Whatever is found: a call or none, never an exception, and the same bytes in any order and any process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from amends.adapters.files import load_policy
from amends.domain.canonical import canonical_json
from amends.domain.decision import Situation, Standing, decide, facts_of, weigh
from amends.domain.explanation import explanation, lines
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import PLAYBOOKS, SEVERITIES
from amends.domain.rules import IMPOSSIBLE
from amends.domain.spec import IMPORTANCES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

POLICY = load_policy()
RISKY = POLICY.overridden(
    {
        "rehearse": ["data_drift", "auc"],
        "accepted_risks": [
            {
                "category": "fairness",
                "attribute": "sex",
                "until": "2026-06-30",
                "reason": "known",
                "by": "ada",
            },
            {"category": "performance", "until": "2026-01-31", "reason": "old", "by": "bob"},
        ],
    },
    "model 'm'",
)
NUMBERS = st.none() | st.floats()
NAMES = st.sampled_from(["income", "debt", "sex", "race", "label"]) | st.text(max_size=3)
ABOUT = st.none() | NAMES | st.tuples(NAMES, NAMES)
METRICS = st.sampled_from(
    ["auc", "accuracy", "worst_slice_auc", "gap_change", "null_share", "selection_rate_ratio"]
)
FINDINGS = st.lists(
    st.builds(
        Finding, category=st.sampled_from(Category), metric=METRICS, verdict=st.sampled_from(Verdict),
        reason=st.text(max_size=5), column=ABOUT, attribute=ABOUT,
        groups=st.lists(NAMES, max_size=2).map(tuple),
        value=NUMBERS, reference_value=NUMBERS, threshold=NUMBERS,
        interval=st.none() | st.tuples(st.floats(), st.floats()), n=st.none() | st.integers(),
    ),
    max_size=12,
)  # fmt: skip
SITUATIONS = st.builds(
    Situation, inputs=st.lists(NAMES, max_size=4).map(tuple), new_version=st.none() | NAMES,
    window_end=st.sampled_from([None, "2026-02-01T00:00:00+00:00", "2026-06-30T23:59:59", "no time"]),
)  # fmt: skip
WORDS = [str(category) for category in Category]
STANDINGS = st.builds(
    Standing, held=st.dictionaries(st.sampled_from(WORDS), st.text(max_size=3), max_size=3),
    in_a_row=st.dictionaries(st.sampled_from(WORDS), st.integers(1, 5), max_size=3),
)  # fmt: skip
ALWAYS = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


@ALWAYS
@given(FINDINGS, SITUATIONS, STANDINGS, st.sampled_from(IMPORTANCES), st.randoms(use_true_random=False))
def test_any_findings_in_any_order_give_one_call_or_none(
    findings: list[Finding], situation: Situation, standing: Standing, importance: str, shuffling: Any
) -> None:
    """Total and deterministic: shuffled, or read back from the ledger, findings give the same bytes."""
    shuffled = [Finding.from_document(json.loads(canonical_json(one.document()))) for one in findings]
    shuffling.shuffle(shuffled)
    for policy in (POLICY, RISKY):
        calls = [
            decide(order, importance=importance, policy=policy, situation=situation, standing=standing)
            for order in (findings, shuffled)
        ]
        first, second = (canonical_json(call.document() if call else None) for call in calls)
        assert first == second
        call = calls[0]
        if call:
            assert call.severity in SEVERITIES
            assert set(call.playbooks) <= set(PLAYBOOKS)
            assert call.playbook == call.playbooks[0]
            assert not set(call.categories) & set(standing.held)


@ALWAYS
@given(FINDINGS, SITUATIONS)
def test_facts_never_contradict_each_other(findings: list[Finding], situation: Situation) -> None:
    """What the policy's check takes for impossible is impossible."""
    facts = facts_of(findings, POLICY, situation)
    assert not [one for one in IMPOSSIBLE if one.items() <= facts.items()]


@ALWAYS
@given(FINDINGS, SITUATIONS, STANDINGS)
def test_every_decision_can_be_explained(
    findings: list[Finding], situation: Situation, standing: Standing
) -> None:
    """The explanation is strict JSON, names one rule for each category, and can be told."""
    weighed = weigh(findings, importance="high", policy=RISKY, situation=situation, standing=standing)
    told = explanation(weighed, RISKY, importance="high", standing=standing)
    canonical_json(told)
    assert [one["category"] for one in told["rules"]] == list(weighed.categories)
    assert all(isinstance(line, str) for line in lines(told))


@ALWAYS
@given(FINDINGS, SITUATIONS)
def test_without_a_breach_or_an_error_nothing_is_done(findings: list[Finding], situation: Situation) -> None:
    """Passing, inconclusive and missing evidence never act."""
    quiet = [one for one in findings if one.verdict not in {Verdict.BREACH, Verdict.ERROR}]
    assert decide(quiet, importance="critical", policy=POLICY, situation=situation) is None


PROGRAM = """
import sys, json
from amends.adapters.files import load_policy
from amends.domain.canonical import digest_of
from amends.domain.decision import Situation, weigh
from amends.domain.explanation import explanation
from amends.domain.findings import Finding
policy = load_policy()
findings = [Finding.from_document(one) for one in json.load(sys.stdin)]
weighed = weigh(findings, importance="high", policy=policy, situation=Situation(inputs=("income", "debt")))
told = explanation(weighed, policy, importance="high")
print(digest_of([weighed.call("high").document(), told]), policy.digest)
"""


def test_fresh_processes_decide_the_same_bytes() -> None:
    """Five processes with five hash seeds print one digest of the call, its explanation and the policy."""
    findings = [
        Finding(category=category, metric=metric, verdict=Verdict.BREACH, reason=f"{category} {metric}",
                column=column, value=0.5, threshold=0.1)
        for category in Category for metric in ("auc", "m_change") for column in ("income", "debt")
    ]  # fmt: skip
    given = json.dumps([one.document() for one in findings])
    home = str(Path(__file__).parents[2] / "include")
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], input=given, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": home},
        ).stdout
        for seed in ("0", "1", "2", "42", "4294967295")
    }  # fmt: skip
    assert len(printed) == 1
    assert next(iter(printed)).startswith("sha256:")
