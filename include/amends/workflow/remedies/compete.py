"""Where several remedies fit, all are built, and the gate ranks them on rows that none of them has seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from amends.domain.findings import Finding, Verdict
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.validation import Validation
from amends.domain.window import Window
from amends.errors import ArtefactError, BadInput, DataError, Unavailable
from amends.measures.digests import WindowDigest
from amends.measures.mitigation import PARITY
from amends.ports import Services
from amends.workflow.digest import digest_window
from amends.workflow.gate import Narrowing, gate
from amends.workflow.gate_rulings import MARGINS, RISING
from amends.workflow.past_incidents import replay_incidents
from amends.workflow.remedies.mitigate_bias import METHOD as MITIGATION
from amends.workflow.remedy import INCIDENT, Candidate, spec_without
from amends.workflow.rows import labelled_rows, score_both
from amends.workflow.stress import WRAPPERS, stress

AIM = "brier_score"
"""What the blessed are ranked by unless the incident names another measure: right order and right scale."""
AIMS = {
    "binary_classification": {"fairness": "selection_rate_ratio", "performance": "auc", "": AIM},
    "multiclass_classification": {"fairness": "selection_rate_ratio", "": "macro_f1"},
    "regression": {"fairness": "mean_error_difference", "": "mean_absolute_error"},
}
"""Measure by which blessed candidates are ranked, by task and the incident's category (``""``: any other)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One candidate's place. ``gain``: how much better than the champion on the aim, in its unit.

    ``seconds``: measured time to score 1 000 rows, by version. It stands here and not in the validation,
    whose bytes follow from its inputs alone.
    """

    candidate: Candidate
    validation: Validation
    gain: float | None
    reasons: tuple[str, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the place as JSON."""
        return {
            "method": self.candidate.method,
            "version": self.candidate.version.version,
            "digest": self.candidate.version.digest,
            "blessed": self.validation.blessed,
            "gain": self.gain,
            "reasons": list(self.reasons),
            "validation": self.validation.digest,
            "scoring_seconds": dict(self.seconds),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Competition:
    """Candidates, the best first, and the remedies that could not be built, with the reason."""

    aim: str
    window: Window | None
    ranked: tuple[Standing, ...]
    not_built: tuple[tuple[str, str], ...]

    @property
    def winner(self) -> Standing | None:
        """The best candidate, if it is blessed."""
        return self.ranked[0] if self.ranked and self.ranked[0].validation.blessed else None

    def document(self) -> dict[str, Any]:
        """Return the competition as JSON."""
        return {
            "schema_version": 1,
            "aim": self.aim,
            "window": self.window.document() if self.window else None,
            "ranked": [one.document() for one in self.ranked],
            "not_built": [{"remedy": name, "reason": reason} for name, reason in self.not_built],
        }


def compete(
    services: Services, spec: ModelSpec, remedies: Mapping[str, Callable[[], Candidate]],
    *, champion: ModelVersion, reference: WindowDigest, window: Window, aim: str = AIM,
    attribute: str | None = None,
) -> Competition:  # fmt: skip
    """Build every remedy and rank what came out.

    All are judged beside the champion on the same rows: the span that every one of them held out. Blessed
    ones come first, then those with fewer checks against them; equals are ranked by the aim, then in the
    order given (put the smallest change first). A remedy that cannot be built is named with its reason.

    :param remedies: name to what builds it; each is safe to call again.
    :param window: the incident's; data quality is judged on it as a whole, as the monitor did: a part of it
        lacks whole seasons that the reference has, and that is no fault of a version.
    :param aim: a measure of the gate; for a gap between groups ``attribute`` names whose.
    :raises DataError: the candidates share no labelled rows that none was trained on, or the aim is unknown.
    :raises Unavailable: a service does not answer: nothing is ranked on half the field.
    """
    if aim not in MARGINS:
        raise DataError(f"aim {aim!r} is no measure of the gate. Choose one of: {', '.join(MARGINS)}.")
    built: list[Candidate] = []
    not_built: list[tuple[str, str]] = []
    for name, build in remedies.items():
        try:
            built.append(build())
        except Unavailable:
            raise
        except (BadInput, ArtefactError) as reason:
            not_built.append((name, str(reason)))
    held_out = common_holdout(built) if built else None
    bench = _Bench(services, spec, champion, reference, window, aim, attribute)
    judged = [bench.judge(one, held_out) for one in built if held_out is not None]
    order = sorted(range(len(judged)), key=lambda i: (*_rank(judged[i]), i))
    return Competition(
        aim=aim, window=held_out, ranked=tuple(judged[i] for i in order), not_built=tuple(not_built)
    )


def aim_of(spec: ModelSpec, category: str) -> str:
    """The measure that an incident of a category ranks candidates by."""
    by_category = AIMS[spec.task]
    return by_category.get(category, by_category[""])


def common_holdout(candidates: Sequence[Candidate]) -> Window:
    """Span that all candidates held out. :raises DataError: there is none."""
    start = max(one.holdout.start for one in candidates)
    end = min(one.holdout.end for one in candidates)
    if start >= end:
        raise DataError("the candidates held out no span in common. Build them up to the same moment.")
    return Window(candidates[0].holdout.model, start, end)


@dataclass(frozen=True, slots=True)
class _QualityOf:
    """``ports.QualityGate`` that judges a whole window whatever part of it a version is judged on."""

    services: Services
    window: Window

    def check(self, spec: ModelSpec, reference: WindowDigest, current: WindowDigest) -> Sequence[Finding]:
        """Findings on the window instead of the rows given."""
        del current
        whole = digest_window(spec, self.services.source, self.window, like=reference)
        return self.services.quality.check(spec, reference, whole)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What every candidate is judged with."""

    services: Services
    spec: ModelSpec
    champion: ModelVersion
    reference: WindowDigest
    incident: Window
    aim: str
    attribute: str | None

    def judge(self, candidate: Candidate, window: Window) -> Standing:
        """Judge one candidate; faults of an input that it does without are not held against it."""
        services, spec = self.services, self.spec
        rows = labelled_rows(services.source, spec, window)
        before, after = score_both(services.registry, spec, rows, self.champion, candidate.version)
        asked = spec_without(spec, candidate.masked)
        stressed = stress(
            services, spec, candidate.version, self.champion, rows, reference=self.reference,
            trained=None if candidate.method in WRAPPERS else candidate.trained,
            masked=candidate.masked, allowed=tuple(candidate.facts.get("sensitive_at_scoring", ())),
        )  # fmt: skip
        replayed = replay_incidents(
            services, spec, candidate.version, trained=candidate.trained, beside=self.champion,
            at_hand=candidate.version.tag(INCIDENT),
        )  # fmt: skip
        validation = gate(
            asked, services.policy, _QualityOf(services, self.incident), reference=self.reference,
            champion=before, candidate=after, narrowing=_narrowing(candidate),
            further=(*stressed.findings, *replayed),
        )  # fmt: skip
        validation = replace(validation, subject=_subject(self.champion, candidate))
        services.ledger.put_evidence("validation", validation.document())
        gain = _gain(validation.findings, self.aim, self.attribute)
        return Standing(
            candidate=candidate,
            validation=validation,
            gain=gain,
            reasons=_reasons(validation, self.aim, gain),
            seconds=stressed.seconds,
        )


def _subject(champion: ModelVersion, candidate: Candidate) -> dict[str, Any]:
    """Say which versions a validation is of, and what the candidate was made from."""
    return {
        "champion": {"version": champion.version, "digest": champion.digest},
        "candidate": {
            **{name: value for name, value in candidate.document().items() if name != "facts"},
            "incident": candidate.version.tag(INCIDENT),
        },
    }


def _narrowing(candidate: Candidate) -> Narrowing | None:
    """The gap that a bias mitigation is for; None for any other remedy."""
    if candidate.method != MITIGATION:
        return None
    by_rates = ("true_positive_rate_difference", "false_positive_rate_difference")
    metrics = ("selection_rate_ratio",) if candidate.facts["constraint"] == PARITY else by_rates
    return Narrowing(metrics, candidate.facts["attribute"])


def _gain(findings: Sequence[Finding], aim: str, attribute: str | None) -> float | None:
    for one in findings:
        if one.metric == f"{aim}_change" and one.attribute == attribute:
            if one.value is None or one.reference_value is None:
                return None
            sign = -1 if aim in RISING else 1
            return sign * (one.value - one.reference_value)
    return None


def _reasons(validation: Validation, aim: str, gain: float | None) -> tuple[str, ...]:
    word = aim.replace("_", " ")
    told = (
        f"{word} cannot be compared"
        if gain is None
        else f"{word} {abs(gain):.3f} {'better' if gain >= 0 else 'worse'} than the champion"
    )
    return (told, *validation.reasons)


def _rank(standing: Standing) -> tuple[bool, int, bool, float]:
    against = 0 if standing.validation.blessed else len(standing.validation.reasons)
    broken = sum(one.verdict in (Verdict.BREACH, Verdict.ERROR) for one in standing.validation.findings)
    gain = standing.gain
    return not standing.validation.blessed, broken + against, gain is None, -(gain or 0.0)
