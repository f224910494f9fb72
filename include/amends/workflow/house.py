"""The house's steps in words, all that a DAG's page needs; :mod:`amends.workflow.steps` does them."""

from amends.workflow.playbooks import StepWords

CANDIDATE_BACK = "the candidate is withdrawn: nobody is asked about it, and it serves nobody"
NOTHING_BACK = "nothing was altered"


def _builds(does: str) -> StepWords:
    """A step that leads to a candidate."""
    return StepWords(does=does, way_back=CANDIDATE_BACK)


def _tells(does: str) -> StepWords:
    """A step that alters nothing."""
    return StepWords(does=does, way_back=NOTHING_BACK)


WORDS = {
    "watch_on": _tells("Close the incident, or leave it to the watch."),
    "hand_to_people": _tells("Record that a person goes on."),
    "train": _builds("Train a candidate on recent labelled rows and register it."),
    "train_without": _builds("Train a candidate that never saw the broken inputs."),
    "mask_inputs": _builds("Wrap the version so that it no longer sees the broken inputs."),
    "recalibrate": _builds("Wrap the version in a map of its scores."),
    "mitigate": _builds("Build versions under a parity constraint, and register the best."),
    "quarantine_rows": StepWords(
        does="Mark the rows as not to be learnt from, and tell the consumers.",
        way_back="the rows are released and the consumers told",
    ),
    "judge_champion": _tells("Put the serving version through the whole gate."),
}
"""Steps by the name that a playbook uses."""
