"""Start a trial: a blessed candidate beside the champion, both pinned, by the policy of that moment."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amends.domain.approval import judge_approvals
from amends.domain.events import EventKind, NewEvent
from amends.domain.promotion import Champion, ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.trial import KINDS, LARGEST_SHARE, Limits, Mode, Trial, aborted, running, trial_of
from amends.errors import BadInput, PolicyError, Refused, SpecError
from amends.measures.trial_rows import shadow_spec
from amends.ports import Services
from amends.workflow.approve import authors, recorded_answers
from amends.workflow.respond import incident_of, only

if TYPE_CHECKING:
    from amends.domain.policy import Policy

TASK = "binary_classification"


def start(
    services: Services, spec: ModelSpec, incident: str, mode: str, share: float | None = None, *,
    actor: str, draw: Callable[[], str] = lambda: secrets.token_hex(32),
) -> Trial:  # fmt: skip
    """Start a trial of the incident's blessed candidate beside the champion; asked again, return it.

    :param share: of the rows, for a canary; the policy's by default. A shadow answers nobody.
    :param draw: makes the key of the assignment, as hexadecimal digits.
    :raises BadInput: the mode or share is none, the spec cannot carry a trial, or there is no shadow log.
    :raises Refused: the candidate is not blessed, was aborted before, or is not to answer anybody yet; the
        champion moved since the validation; another trial is running.
    """
    asked = _asked(services.policy, spec, mode, share)
    candidate, champion = _contestants(services, spec, incident)
    _check_shadow_log(services, spec)
    authority = _authority(services, incident, asked, candidate)
    with services.ledger.transaction(spec.name) as transaction:
        events = transaction.events(kinds=KINDS)
        under_way = running(events)
        if under_way is not None:
            return _same(trial_of(under_way), incident, candidate, asked)
        number = 1 + sum(event.kind is EventKind.TRIAL_STARTED for event in events)
        trial = Trial(
            id=f"{incident}.trial{number}", model=spec.name, incident=incident, mode=asked.mode,
            champion=champion, challenger=candidate, share=asked.share, key=draw(), limits=asked.limits,
        )  # fmt: skip
        payload = {**trial.document(), "policy": services.policy.digest, "authority": authority}
        event = NewEvent(
            kind=EventKind.TRIAL_STARTED, key=f"{EventKind.TRIAL_STARTED}:{trial.id}", model=spec.name,
            incident=incident, actor=actor, payload=payload,
        )  # fmt: skip
        return trial_of(transaction.append(event))


@dataclass(frozen=True, slots=True)
class _Asked:
    mode: Mode
    share: float
    limits: Limits


def _asked(policy: "Policy", spec: ModelSpec, mode: str, share: float | None) -> _Asked:
    if spec.task != TASK or spec.columns.model_version is None:
        raise SpecError(
            f"model {spec.name!r}: a trial compares versions of a {TASK} model by columns.model_version. "
            "Its spec has another task, or no such column."
        )
    if mode not in list(Mode):
        raise BadInput(f"trial mode is {mode!r}; choose from: {', '.join(Mode)}.")
    limits = _limits(policy)
    if mode == Mode.SHADOW:
        if share:
            raise BadInput(f"a shadow trial answers nobody, so it has no share; {share!r} was given.")
        return _Asked(Mode.SHADOW, 0.0, limits)
    share = policy.limit("trial.share") if share is None else share
    if not 0 < share <= LARGEST_SHARE:
        raise BadInput(f"canary share is {share!r}; write a number over 0 and at most {LARGEST_SHARE}.")
    return _Asked(Mode.CANARY, float(share), limits)


def _limits(policy: "Policy") -> Limits:
    limits = Limits(
        brier_rise=policy.limit("trial.brier_rise"),
        failures=policy.limit("trial.failure_share"),
        gap_rise=policy.limit("fairness.gap_rise"),
        min_group=policy.limit("fairness.min_group"),
        false_abort=policy.limit("trial.false_abort"),
        min_rows=policy.limit("trial.min_rows"),
        most_windows=policy.limit("trial.most_windows"),
    )
    if not 0 < limits.false_abort < 1:
        raise PolicyError(
            f"policy {policy.name!r}: trial.false_abort is {limits.false_abort:g}, no probability. "
            "Write a number between 0 and 1, such as 0.01."
        )
    return limits


def _contestants(services: Services, spec: ModelSpec, incident: str) -> tuple[ModelVersion, ModelVersion]:
    """The blessed candidate, and the champion that it was validated against; both as they are now."""
    found, where = incident_of(services.ledger, incident), f"trial for incident {incident} refused"
    if found.model != spec.name or not found.open:
        raise Refused(f"{where}: it is closed, or of another model than {spec.name!r}.")
    validated = only(services, incident, EventKind.CANDIDATE_VALIDATED)
    if not validated["blessed"]:
        raise Refused(f"{where}: validation did not bless version {validated['candidate']['version']}.")
    champion = services.ledger.champion(spec.name)
    if champion is None or champion.epoch != validated["champion"]["epoch"]:
        raise Refused(f"{where}: the champion moved since the validation. Validate again.")
    candidate = _pinned(services, spec, validated["candidate"]["version"])
    if candidate.digest != validated["candidate"]["digest"]:
        raise Refused(f"{where}: version {candidate.version} no longer holds what was validated.")
    ended = services.ledger.events(model=spec.name, kinds=[EventKind.TRIAL_ENDED])
    before = aborted(ended, candidate.version)
    if before:
        raise Refused(f"{where}: version {candidate.version} was aborted before: {before}.")
    return candidate, _of(champion)


def _check_shadow_log(services: Services, spec: ModelSpec) -> None:
    """Find the shadow log's table before anybody writes to it. :raises Unavailable: it is not there."""
    beside = shadow_spec(spec)
    if beside.source is not None and beside.source.table is not None:
        (services.shadow or services.source).span(beside)


def _pinned(services: Services, spec: ModelSpec, number: str) -> ModelVersion:
    return replace(services.registry.version(spec.name, number), tags=())


def _of(champion: Champion) -> ModelVersion:
    return ModelVersion(model=champion.model, version=champion.version, digest=champion.digest)


def _authority(services: Services, incident: str, asked: _Asked, candidate: ModelVersion) -> str:
    """Say by what right the challenger may see the rows. :raises Refused: it may answer nobody yet."""
    if asked.mode is Mode.SHADOW:
        return "a shadow answers nobody"
    if asked.share <= services.policy.limit("trial.unapproved_share"):
        return f"policy {services.policy.name} lets a blessed candidate answer up to this share"
    requests = services.ledger.events(incident=incident, kinds=[EventKind.APPROVAL_REQUESTED])
    reasons: Sequence[str] = ["nobody was asked to approve it"]
    if requests and requests[-1].payload["candidate"]["digest"] == candidate.digest:
        request = requests[-1].payload
        reasons = judge_approvals(
            recorded_answers(services, incident, request["evidence"]),
            roles=request["roles"], evidence=request["evidence"], authors=authors(services, incident),
        ).reasons  # fmt: skip
    if reasons:
        raise Refused(
            f"canary for incident {incident} refused: it answers people, and {'; '.join(reasons)}. Start a "
            "shadow, have the candidate approved, or let policy limit trial.unapproved_share allow the share."
        )
    return "approved by every role that the policy names"


def _same(trial: Trial, incident: str, candidate: ModelVersion, asked: _Asked) -> Trial:
    wanted = (incident, candidate, asked.mode, asked.share)
    if (trial.incident, trial.challenger, trial.mode, trial.share) == wanted:
        return trial
    raise Refused(f"trial {trial.id} of {trial.model} is running. Stop it, or wait for its end.")
