"""What a diagnosis says, in sentences: from its evidence, for the story and for who has to approve."""

from collections.abc import Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]

QUESTIONS = {
    "counterfactual": "what the decisions hang on",
    "faults": "since when which input is broken",
    "signature": "where the version lost against the one before",
    "examples": "example rows",
}
"""What each part of a diagnosis asks."""
THIRDS = ("first", "second", "last")
MOST_PAIRS = 2
"""Pairs of groups that are told of an attribute, those with most changed decisions; the evidence has all."""


def reasons_of(document: Facts) -> list[str]:
    """Tell a diagnosis: what broke since when, what decisions hang on, where and how much was lost.

    What an incident's own findings do not say comes first: people read the first lines.
    """
    return [
        *(_fault(one) for one in document.get("faults", ())),
        *(_flips(one, document["versions"]["failing"]) for one in document.get("counterfactual", ())),
        *_signature(document.get("signature"), document["versions"]),
        *document["regressed"],
        *_examples(document.get("examples", ())),
        *(f"not answered: {QUESTIONS[name]} ({why})" for name, why in document["unanswered"].items()),
    ]


def _signature(table: Facts | None, versions: Facts) -> list[str]:
    if table is None:
        return []
    loss, whole = table["loss"].replace("_", " "), [one for one in table["cells"] if one["third"] is None]
    pair = f"version {versions['failing']} against version {versions['previous']} on the same rows"
    lines = []
    for one in whole:
        if one["now"] is not None:
            thirds = [c for c in table["cells"] if c["slice"] == one["slice"] and c["third"] is not None]
            lines.append(
                f"{one['slice']}: {loss} {one['now']:.3f} of {pair}: {one['before']:.3f} "
                f"({one['rows']} rows){_thirds(thirds)}"
            )
    return lines


def _thirds(cells: Sequence[Facts]) -> str:
    told = [
        f"{THIRDS[one['third']]} {one['now'] - one['before']:+.3f}" for one in cells if one["now"] is not None
    ]
    return f"; by third of the window: {', '.join(told)}" if told else ""


def _fault(fault: Facts) -> str:
    until = "on" if fault["goes_on"] else f"to {_clock(fault['end'])}"
    share = fault["rows"] / fault["of"]
    return (
        f"{fault['column']} is not what it was from {_clock(fault['start'])} {until}: at least "
        f"{fault['changed']:.1%} of the {fault['rows']} rows there changed, most are now "
        f"{fault['gained']!r}; {share:.1%} of the window's rows are of that time"
    )


def _clock(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _flips(answer: Facts, version: str | None) -> str:
    attribute, through = answer["attribute"], answer["through"]
    itself = attribute == through
    if itself and not answer["moves"]:
        known = "is an input of" if answer["in_spec"] else "is no input of"
        return f"{attribute} {known} version {version}, and another group's value moves no score"
    low, high = answer["interval"]
    how = (
        f"with another group's {attribute}"
        if itself
        else f"with the {through} that goes with another {attribute} (association {answer['tells']:.2f})"
    )
    changed = sorted((one for one in answer["by_group"] if one["changed"]), key=lambda one: -one["changed"])
    groups = "; ".join(_direction(one) for one in changed[:MOST_PAIRS])
    return f"{how}, {answer['changed']:.1%} [{low:.1%}, {high:.1%}] of {answer['rows']} decisions change" + (
        f": {groups}" if groups else ""
    )


def _direction(one: Facts) -> str:
    return (
        f"{one['from']} as {one['to']} {one['to_favourable']:.1%} to favourable, "
        f"{one['to_unfavourable']:.1%} to unfavourable, score {one['score_change']:+.3f}"
    )


def _examples(rows: Sequence[Facts]) -> list[str]:
    return [
        f"for example ({one['rows_alike']} rows alike): "
        + ", ".join(f"{name} {said}" for name, said in one["features"].items())
        for one in rows
    ]


def mask_expired(facts: Facts) -> tuple[str, tuple[str, ...]]:
    """Tell that a mask's time is over: a sentence, and the ways on."""
    back, columns = facts["way_back"], ", ".join(facts["columns"])
    state = "is what it was and scores" if back["verified"] else f"cannot serve again: {back['reason']}"
    made = [f"version {one['version']} ({one['method']})" for one in facts["follow_ups"]]
    return (
        f"the **mask has run out**: the serving version does without inputs since {facts['masked_in']}.",
        (
            f"version {facts['version']} masks {columns}; to be looked at again by {facts['expires'][:10]}",
            f"the way back, once {columns} is repaired: version {back['version']}, which {state}",
            f"follow-ups built beside the mask: {', '.join(made) or 'none'}",
        ),
    )
