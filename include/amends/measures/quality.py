"""What can be wrong with a window's rows before any statistic is believed: measured, not yet judged."""

from collections.abc import Iterator, Mapping

from amends.domain.findings import Category
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.measures.proportions import newcombe, wandering, wilson
from amends.measures.quality_calendar import Courses, burst_check, label_checks
from amends.measures.quality_clock import clock_check
from amends.measures.quality_columns import categorical_checks, numeric_checks
from amends.measures.quality_company import companies
from amends.measures.quality_filled import filled_checks
from amends.measures.quality_joins import join_checks
from amends.measures.quality_pairs import swapped_checks
from amends.measures.quality_placeholders import placeholder_checks
from amends.measures.quality_record import Check, Limits, at_most, surely_varied
from amends.measures.quality_repeats import repeat_checks
from amends.measures.quality_schema import schema_checks
from amends.measures.quality_shapes import shape_checks
from amends.measures.quality_volume import is_even, volume_checks
from amends.measures.quality_window import decision_checks, lasting, seconds, time_checks

EVEN = "its rows come as evenly as by a clock: such times are made or sampled, and count no traffic"


def quality_checks(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits
) -> list[Check]:
    """Measure a window against the reference, column by column.

    :param limits: the policy's numbers of section ``quality``.
    """
    both = reference, current
    return [
        *schema_checks(spec, *both),
        *_nulls(spec, *both, limits),
        *_rows(spec, *both, limits),
        *repeat_checks(spec, *both, limits),
        *volume_checks(*both, limits),
        *time_checks(spec, *both),
        *decision_checks(spec, *both, limits),
        *_labels(spec, *both, limits),
        *_decided(spec, *both, limits),
        *_columns(spec, *both, limits),
    ]


def _nulls(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Iterator[Check]:
    c = spec.columns
    required = {c.id, c.timestamp, c.score, c.predicted_label}
    courses = Courses.of(reference, current)
    for name in c.all:
        if name in {c.label, c.latency, c.error} or name not in current.types:
            continue
        hits, before = current.nulls[name], reference.nulls.get(name, 0)
        if name in required:
            interval, limit = wilson(hits, current.rows), limits["required_null_share"]
            kind, value = "required_null_share", hits / current.rows
        else:
            interval = newcombe(hits, current.rows, before, reference.rows)
            kind, value = "null_increase", hits / current.rows - before / reference.rows
            interval = wandering(value, interval, courses.wander(name))
            limit = limits["null_increase" if before else "null_increase_from_none"]
        course = courses.null_course(name) if value > limit else ""
        yield at_most(
            kind, name, value, limit, interval=interval, n=current.rows,
            reference_value=0.0, note=f"{hits} of {current.rows} values are null, "
            f"{before} of {reference.rows} in the reference{course}",
        )  # fmt: skip
        if hits and interval[0] <= limit:
            yield from burst_check(name, courses, limits)


def _rows(spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits) -> Iterator[Check]:
    yield at_most(
        "duplicate_id_share",
        spec.columns.id,
        current.duplicate_ids / current.rows,
        limits["duplicate_id_share"],
        interval=wilson(current.duplicate_ids, current.rows),
        reference_value=reference.duplicate_ids / reference.rows,
        n=current.rows,
        note=f"{current.duplicate_ids} ids stand in more than one row",
    )
    before, now = _rate(reference), _rate(current)
    if before and now:
        yield Check(
            metric="volume_ratio", column=None, value=now / before, low=limits["volume_ratio_low"],
            high=limits["volume_ratio_high"], reference_value=1.0, n=current.rows,
            note=f"{now:.3g} rows an hour, {before:.3g} in the reference",
            doubt=EVEN if now < before and is_even(current.calendar) else "",
        )  # fmt: skip


def _rate(window: WindowDigest) -> float | None:
    span = seconds(window)
    return window.rows * 3600 / span if span else None


def _labels(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Iterator[Check]:
    name = spec.columns.label
    if not current.labelled:
        yield Check(
            metric="label_availability", column=name, category=Category.LABEL_QUALITY, value=0.0,
            n=current.rows, blind="no label has arrived yet: nothing that needs labels can be said",
        )  # fmt: skip
        return
    yield Check(
        metric="label_availability", column=name, category=Category.LABEL_QUALITY,
        value=current.labelled / current.rows, reference_value=reference.labelled / reference.rows,
        n=current.rows, note=f"{current.labelled} of {current.rows} rows have their label",
    )  # fmt: skip
    yield from label_checks(spec, current, limits)
    if name in current.categorical and reference.labelled:
        yield from _classes(
            name, reference.categorical[name].counts, current.categorical[name].counts, limits
        )


def _classes(name: str, before: Mapping[str, int], now: Mapping[str, int], limits: Limits) -> Iterator[Check]:
    rows = sum(now.values())
    strange = sum(count for level, count in now.items() if level not in before)
    yield at_most(
        "unknown_class_share", name, strange / rows, limits["unknown_class_share"] + _unseen(before),
        interval=wilson(strange, rows), n=rows, category=Category.LABEL_QUALITY,
        note=f"{strange} labels are of a class that the reference does not have",
    )  # fmt: skip
    if len(before) > 1:
        sure = surely_varied(max(before.values()) / sum(before.values()), rows)
        yield Check(
            metric="classes", column=name, category=Category.LABEL_QUALITY, value=float(len(now)), low=2.0,
            evidence=1.0 if sure and len(now) == 1 else 2.0, reference_value=float(len(before)), n=rows,
            note=f"labels of {len(now)} classes, {len(before)} in the reference",
        )  # fmt: skip


def _unseen(counts: Mapping[str, int]) -> float:
    """Chance that the next row is of a class not seen yet. Source: Good (1953), Biometrika 40."""
    return sum(1 for n in counts.values() if n == 1) / sum(counts.values())


def _decided(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Iterator[Check]:
    """Decisions that no label and no decision of the reference ever was: scores, words, another coding."""
    name, label = spec.columns.predicted_label, spec.columns.label
    known, now = reference.categorical.get(name), current.categorical.get(name)
    if known and now and known.count and now.count:
        classes = {*known.counts, *reference.categorical[label].counts}
        strange = sum(n for level, n in now.counts.items() if level not in classes) + now.overflow
        limit = limits["unknown_class_share"] + _unseen(known.counts)
        yield at_most(
            "unknown_class_share", name, strange / now.count, limit,
            interval=wilson(strange, now.count), n=now.count,
            note=f"{strange} decisions are of a class that the reference does not have",
        )  # fmt: skip


def _columns(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Iterator[Check]:
    score, binary = spec.columns.score, spec.task == "binary_classification"
    length, company = lasting(reference, current), companies(spec, reference, current, limits)
    for name, profile in current.numeric.items():
        if name == spec.columns.latency:
            continue  # slow answers are the service's, and judged there
        before = reference.numeric[name]
        bounded = binary and name == score
        others = company.get(name, "")
        yield from numeric_checks(
            name, before, profile, limits, bounded=bounded, lasting=length, company=others
        )
        if name == score or name in spec.columns.numeric:
            yield from shape_checks(name, before, profile, limits, others)
            yield from filled_checks(name, before, profile, limits)
        if not bounded:
            yield from placeholder_checks(name, before, profile, limits)
        if name in spec.columns.numeric:
            yield from clock_check(name, before, profile, limits)
    levelled = tuple(dict.fromkeys((*spec.columns.categorical, *spec.columns.sensitive)))
    for name in levelled:
        pair = reference.categorical[name], current.categorical[name]
        yield from categorical_checks(name, *pair, limits, lasting=length)
        if name in spec.columns.categorical:
            yield from clock_check(name, *pair, limits)
    yield from join_checks(spec.columns.features, reference, current, limits)
    yield from swapped_checks(spec.columns.numeric, levelled, reference, current, limits)
