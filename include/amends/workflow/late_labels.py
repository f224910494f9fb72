"""Labels that come late: a window that was judged without them is judged once more when they are there.

Until then its performance is estimated, or not known; the second assessment replaces the first.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from amends.domain.events import Event
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.measures.digests import WindowDigest
from amends.ports import CountedSource, Services, WindowSource

ORIGIN = "labels"
"""What made a monitor judge a window again."""
ENOUGH = 0.9
"""Share of the labels to be expected, by the reference, from which on a window's labels count as arrived."""
MOST_WINDOWS = 12
"""How many windows without labels are looked at again, the newest: older ones are history."""


def labels_of(spec: ModelSpec, reference: WindowDigest, current: WindowDigest) -> dict[str, int]:
    """How many rows of a window have a label, and from how many on they have arrived."""
    usual = 1 - _nulls(spec, reference) / max(reference.rows, 1)
    labelled = current.rows - _nulls(spec, current)
    return {"labelled": labelled, "expected": math.ceil(ENOUGH * usual * current.rows)}


def lacked(labels: Mapping[str, int] | None) -> bool:
    """Whether an assessment was made before its labels had arrived."""
    return labels is not None and labels["labelled"] < labels["expected"]


def windows_with_new_labels(
    services: Services, spec: ModelSpec, until: datetime, assessed: Sequence[Event]
) -> list[Window]:
    """List the windows whose labels were missing when they were judged last, and have arrived since.

    :param assessed: the model's events of that kind, in order.
    """
    delay = spec.windows.label_delay if spec.windows else timedelta(0)
    last = {Window.from_document(one.payload["window"]): one.payload.get("labels") for one in assessed}
    expected = {
        window: labels["expected"]
        for window, labels in last.items()
        if labels and lacked(labels) and window.end + delay <= until
    }
    waiting = sorted(expected)[-MOST_WINDOWS:]
    return [one for one in waiting if labelled_now(services.source, spec, one) >= expected[one]]


def labelled_now(source: WindowSource, spec: ModelSpec, window: Window) -> int:
    """Count a window's labels; a source that counts for itself sends no row."""
    name = spec.columns.label
    if isinstance(source, CountedSource):
        facts = source.facts(spec, window)
        return facts.rows - facts.nulls[name]
    parts: Any = getattr(source, "parts", source.batches)
    return sum(part.num_rows - part.column(name).null_count for part in parts(spec, window))


def _nulls(spec: ModelSpec, window: WindowDigest) -> int:
    return window.nulls.get(spec.columns.label, window.rows)
