"""Stress: what the validation gate asks of the versions themselves, beside how they score the rows there are.

Robustness (noise, missing, far and unseen values), synthetic cohorts, privacy (membership, leaks), time, size
and inputs. Only a proven breach stops a candidate: what made-up rows leave open, real rows have to decide.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.findings import Finding
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window, as_utc
from amends.measures.arrow import as_moments, as_texts
from amends.measures.digests import WindowDigest
from amends.measures.identities import hashed, mixed
from amends.workflow.remedy import spec_without
from amends.workflow.stress_bench import MOST_ROWS, Bench, load
from amends.workflow.stress_cohorts import group_names, judge_cohorts
from amends.workflow.stress_privacy import Learnt, judge_privacy
from amends.workflow.stress_robustness import judge_robustness
from amends.workflow.stress_service import judge_inputs, judge_size, judge_time, time_scoring

if TYPE_CHECKING:
    from amends.ports import Services, WindowSource

TASK = "binary_classification"
WRAPPERS = ("mask", "recalibrate")
"""Methods that fit nothing to labelled rows but a few numbers: there is nobody to be remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """What a stress test found. ``seconds``: time by version, per 1 000 rows; no part of a digest."""

    findings: tuple[Finding, ...]
    seconds: dict[str, float]


def stress(
    services: "Services", spec: ModelSpec, candidate: ModelVersion, champion: ModelVersion, rows: pa.Table,
    *, reference: WindowDigest, trained: Window | None = None, masked: tuple[str, ...] = (),
    allowed: tuple[str, ...] = (), clock: Callable[[], float] = time.perf_counter,
) -> Stress:  # fmt: skip
    """Load both versions and try them on rows that they were not made for.

    Nothing is found for a task other than binary classification.

    :param rows: labelled rows that the candidate was not trained on; at most 2 000 of them are tried.
    :param trained: the span that the candidate was fitted to; None: to none, or it is not known.
    :param masked: features that the candidate is made to do without.
    :param allowed: sensitive columns that people allowed the candidate to read.
    :raises ArtefactError: a version is missing, altered or does not load.
    :raises DataError: a label is not 0 or 1.
    """
    if spec.task != TASK:
        return Stress(findings=(), seconds={})
    policy = services.policy.overridden(spec.policy, f"model {spec.name!r}")
    bench = Bench(
        spec=spec_without(spec, masked), policy=policy,
        reference=reference, champion=load(services.registry, champion),
        candidate=load(services.registry, candidate), rows=rows, allowed=allowed,
    )  # fmt: skip
    learnt, champions = (learnt_rows(services.source, spec, one) for one in (trained, trained_on(champion)))
    seconds = time_scoring(bench, clock)
    found = _found(bench, learnt, champions, seconds)
    return Stress(findings=tuple(found), seconds=seconds)


def _found(
    bench: Bench, learnt: Learnt | None, champions: Learnt | None, seconds: dict[str, float]
) -> Iterator[Finding]:
    yield from judge_inputs(bench)
    yield from judge_robustness(bench)
    yield from judge_cohorts(bench)
    yield from judge_privacy(bench, learnt, champions)
    yield judge_time(bench, seconds)
    yield judge_size(bench)


def trained_on(version: ModelVersion) -> Window | None:
    """The span that a version was fitted to, by its tags; None for a wrapper, or where no tag says so."""
    start, end = version.tag("amends.trained_from"), version.tag("amends.trained_until")
    if not (start and end) or version.tag("amends.method") in WRAPPERS:
        return None
    return Window(version.model, as_utc(start), as_utc(end))


def learnt_rows(source: "WindowSource", spec: ModelSpec, window: Window | None) -> Learnt | None:
    """A sample of the labelled rows of a span, drawn by a hash, in bounded memory.

    None where there is no span, or no labelled row in it.
    """
    if window is None:
        return None
    kept: pa.Table | None = None
    groups: Counter[str] = Counter()
    for batch in source.batches(spec, window):
        rows = pa.Table.from_batches([batch])
        rows = rows.filter(pc.is_valid(rows.column(spec.columns.label)))
        if spec.columns.sensitive:
            groups.update(group_names(rows, spec.columns.sensitive).tolist())
        kept = _smallest(spec, rows if kept is None else pa.concat_tables([kept, rows]))
    if kept is None or not kept.num_rows:
        return None
    return Learnt(rows=kept, groups=groups)


def _smallest(spec: ModelSpec, rows: pa.Table) -> pa.Table:
    """The rows with the smallest hashes, by id and time, each once."""
    at = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    micros = at.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64)
    keys = mixed(mixed(hashed(as_texts(rows.column(spec.columns.id)))) ^ micros)
    _, first = np.unique(keys, return_index=True)
    return rows.take(pa.array(first[:MOST_ROWS]))
