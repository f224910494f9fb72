"""The sentences of a version's way into production: made, validated, tried, approved, promoted."""

from collections.abc import Callable

from amends.domain.events import EventKind
from amends.domain.review import code
from amends.domain.told import Facts, Told, listed, span


def _registered(facts: Facts) -> Told:
    made = {
        "retrain": "trained on",
        "mask": "wrapped to do without an input, by",
        "recalibrate": "recalibrated on",
    }
    how = made.get(facts.get("method", "retrain"), f"made by {listed([facts.get('method', '')])} on")
    return Told(
        f"**candidate** version {code(facts['version'])} {how} {facts['rows']} rows and registered; "
        f"it is to replace version {code(facts['parent'])}."
    )


def _withdrawn(facts: Facts) -> Told:
    return Told(f"candidate version {code(facts['version'])} **withdrawn**: it serves nobody.")


def _revalidated(facts: Facts) -> Told:
    word = "holds" if facts["holds"] else "does not hold"
    return Told(
        f"**revalidated**: serving version {code(facts['champion'])} {word}.", tuple(facts["reasons"])
    )


def _validated(facts: Facts) -> Told:
    word = "blessed" if facts["blessed"] else "not blessed"
    pair = (
        f"version {code(facts['candidate']['version'])} beside champion {code(facts['champion']['version'])}"
    )
    others = [
        f"version {one['version']} ({one['method']}): {one['reasons'][0]}" for one in facts.get("others", ())
    ]
    return Told(f"**validated** {pair}, on the same rows: {word}.", (*facts["reasons"], *others))


def _requested(facts: Facts) -> Told:
    return Told(f"**approval requested** of {listed(facts['roles'])}, on evidence {facts['evidence'][:19]}.")


def _answered(facts: Facts) -> Told:
    who = code(facts["person"]) if facts["person"] else "nobody (time-out)"
    rationale = (facts["rationale"],) if facts["rationale"] else ()
    return Told(f"**{facts['choice']}** for {facts['role']}, answered by {who}.", rationale)


def _intended(facts: Facts) -> Told:
    return Told(f"{facts['reason']} to version {code(facts['version'])} begun.")


def _refused(facts: Facts) -> Told:
    return Told("**promotion refused**; the champion stays.", tuple(facts["reasons"]))


def _moved(facts: Facts) -> Told:
    return Told(f"**champion** is now version {code(facts['version'])} (epoch {facts['epoch']}).")


def _completed(facts: Facts) -> Told:
    return Told(f"the registry's champion alias was set to version {code(facts['version'])} and read back.")


def _trial_started(facts: Facts) -> Told:
    pair = f"version {code(facts['challenger']['version'])}"
    beside = f"champion {code(facts['champion']['version'])}"
    if facts["mode"] == "canary":
        how = f"{pair} answers {facts['share']:.0%} of the rows, {beside} the others"
    else:
        how = f"{pair} is scored beside {beside}, which answers everybody"
    return Told(f"**trial** on live rows begun ({facts['mode']}): {how}.", (facts["authority"],))


def _trial_looked(facts: Facts) -> Told:
    found = facts["found"]
    seen = f"trial **looked** at {found['rows']} rows up to here{span(facts)}"
    unread = (f"the last window was not read: {facts['unread']}",) if facts["unread"] else ()
    return Told(f"{seen}.", (*numbers(found), *unread))


def numbers(found: Facts) -> tuple[str, ...]:
    """What a trial has shown so far, a line for each number."""
    harm, failures, agreement = found["harm"], found["failures"], found["agreement"]
    lines = []
    if harm["rows"]:
        lines.append(
            f"Brier score changes by {harm['mean']:.4f} ({harm['lower']:.4f} to {harm['upper']:.4f}) "
            f"on {harm['rows']} labelled rows"
        )
    if failures["rows"]:
        lines.append(f"{failures['mean']:.2%} of {failures['rows']} rows without a usable score")
    if agreement is not None:
        lines.append(f"the same decision on {agreement:.1%}")
    return tuple(lines)


def _trial_ended(facts: Facts) -> Told:
    version = f"version {code(facts['version'])}"
    words = {"aborted": "aborted by itself**; the champion stays", "stopped": "stopped**"}
    word = words.get(facts["outcome"], f"ended: {facts['outcome']}**")
    return Told(f"trial of {version} **{word}.", (facts["reason"],))


RELEASE: dict[EventKind, Callable[[Facts], Told]] = {
    EventKind.CANDIDATE_REGISTERED: _registered,
    EventKind.CANDIDATE_WITHDRAWN: _withdrawn,
    EventKind.CANDIDATE_VALIDATED: _validated,
    EventKind.REVALIDATED: _revalidated,
    EventKind.APPROVAL_REQUESTED: _requested,
    EventKind.APPROVAL_ANSWERED: _answered,
    EventKind.PROMOTION_INTENDED: _intended,
    EventKind.PROMOTION_REFUSED: _refused,
    EventKind.CHAMPION_MOVED: _moved,
    EventKind.PROMOTION_COMPLETED: _completed,
    EventKind.TRIAL_STARTED: _trial_started,
    EventKind.TRIAL_LOOKED: _trial_looked,
    EventKind.TRIAL_ENDED: _trial_ended,
}
