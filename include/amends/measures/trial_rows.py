"""Rows of a trial's window: who answered each, and what the challenger said of it, in arrays."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.spec import Columns, ModelSpec
from amends.domain.trial import Mode, Trial, assigned
from amends.errors import DataError
from amends.measures.arrow import Floats, as_floats, as_levels, as_moments, level_codes

Flags = npt.NDArray[np.bool_]
SHADOW = "_shadow"
"""Ending of the shadow log's table (or folder), beside the prediction log's."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TrialRows:
    """Rows of the trial in one window, in order of time and id.

    ``challenger``: whether the challenger was assigned to answer. ``failed``: it gave no usable score.
    ``loss``: squared error of the answer given (NaN without a label); ``other_loss``: of the challenger's
    shadow score. ``chosen`` and ``other_chosen``: the decision as 0 or 1. ``groups``: by "attribute=level".
    """

    challenger: Flags
    failed: Flags
    loss: Floats
    other_loss: Floats
    chosen: Floats
    other_chosen: Floats
    groups: dict[str, Flags]

    @property
    def rows(self) -> int:
        """How many rows the challenger was offered, or might have been."""
        return len(self.challenger)


def shadow_spec(spec: ModelSpec) -> ModelSpec:
    """Spec of the shadow log: id, time, version, score and decision, under the prediction log's own names."""
    c = spec.columns
    columns = Columns(
        id=c.id, timestamp=c.timestamp, model_version=c.model_version, score=c.score,
        predicted_label=c.predicted_label, label=c.predicted_label,
    )  # fmt: skip
    source = spec.source
    if source is not None:
        table = source.table + SHADOW if source.table else None
        source = replace(source, table=table, path=_shadow_path(source.path) if source.path else None)
    return replace(spec, columns=columns, source=source)


def _shadow_path(path: str) -> str:
    """Put the ending on a file's stem, on a folder, or on the folder that a pattern looks into."""
    plain = re.split(r"/(?=[^/]*[*?\[])", path, maxsplit=1)
    folder, pattern = plain[0].rstrip("/"), "/" + plain[1] if len(plain) > 1 else ""
    stem, dot, ending = folder.rpartition(".")
    if pattern or "/" in ending or not stem:
        return folder + SHADOW + pattern
    return stem + SHADOW + dot + ending


def trial_rows(spec: ModelSpec, trial: Trial, log: pa.Table, shadow: pa.Table, *, begun: bool) -> TrialRows:
    """Join a window's log with the challenger's shadow log of it.

    Shadow: rows that the champion answered and that were offered to the challenger, which is those in the
    shadow log, be it with a null score. Canary: rows that either answered; what was assigned to the
    challenger and answered by the champion has failed.

    :param begun: whether a canary had rows before; if not, it begins after the first row that the challenger
        answered or failed on, since until then serving did not know of it.
    :raises DataError: a log lacks a column.
    """
    _require("prediction log", log, spec)
    _require("shadow log", shadow, shadow_spec(spec))
    log, shadow = _in_order(spec, log), _of_version(spec, shadow, trial.challenger.version)
    found = pc.index_in(_ids(spec, log), value_set=_ids(spec, shadow))
    version = as_levels(log.column(str(spec.columns.model_version)))
    ours, theirs = (_is(version, one.version) for one in (trial.champion, trial.challenger))
    offered = found.is_valid().to_numpy(zero_copy_only=False)
    knew = theirs | offered
    if trial.mode is Mode.SHADOW:
        kept = ours & offered
    else:
        kept = (ours | theirs) & (begun | (np.cumsum(knew) - knew > 0))
    log, found = log.filter(pa.array(kept)), found.filter(pa.array(kept))
    z = np.array(assigned(trial, _ids(spec, log).to_pylist()), dtype=bool)
    rows = _arrays(spec, log, shadow.take(found), z)
    return rows if trial.mode is Mode.SHADOW else replace(rows, failed=z & ~theirs[kept])


def _require(what: str, table: pa.Table, spec: ModelSpec) -> None:
    missing = [name for name in spec.columns.all if name not in table.column_names]
    if missing:
        raise DataError(f"the {what} of {spec.name!r} lacks column {missing[0]!r}. Write it with every row.")


def _arrays(spec: ModelSpec, log: pa.Table, beside: pa.Table, z: Flags) -> TrialRows:
    c = spec.columns
    label = _binary(log, c.label)
    other, other_chosen = _score(beside, c.score), _binary(beside, c.predicted_label)
    return TrialRows(
        challenger=z,
        failed=~(np.isfinite(other) & np.isfinite(other_chosen)),
        loss=(_score(log, c.score) - label) ** 2,
        other_loss=(other - label) ** 2,
        chosen=_binary(log, c.predicted_label),
        other_chosen=other_chosen,
        groups=_groups(log, c.sensitive),
    )


def _in_order(spec: ModelSpec, log: pa.Table) -> pa.Table:
    """By time, then id: an order in which no outcome has a part."""
    name = spec.columns.timestamp
    keys = pa.table({"at": as_moments(log.column(name), name), "id": _ids(spec, log)})
    return log.take(pc.sort_indices(keys, sort_keys=[("at", "ascending"), ("id", "ascending")]))


def _of_version(spec: ModelSpec, shadow: pa.Table, version: str) -> pa.Table:
    return shadow.filter(pa.array(_is(as_levels(shadow.column(str(spec.columns.model_version))), version)))


def _ids(spec: ModelSpec, table: pa.Table) -> pa.Array:
    ids = table.column(spec.columns.id).cast(pa.string())
    return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids


def _score(table: pa.Table, name: str) -> Floats:
    """A probability, or NaN for what is none."""
    score, _ = as_floats(table.column(name))
    with np.errstate(invalid="ignore"):
        return np.where((score >= 0) & (score <= 1), score, np.nan)


def _binary(table: pa.Table, name: str) -> Floats:
    """0 or 1, or NaN for what is neither."""
    values, _ = as_floats(table.column(name))
    return np.where(np.isin(values, (0.0, 1.0)), values, np.nan)


def _groups(log: pa.Table, attributes: Sequence[str]) -> dict[str, Flags]:
    """Rows of each group of each sensitive attribute, in order of name; rows without a level are in none."""
    found: dict[str, Flags] = {}
    for name in attributes:
        levels = as_levels(log.column(name))
        for level in sorted(one for one in levels.dictionary.to_pylist() if one is not None):
            found[f"{name}={level}"] = _is(levels, level)
    return found


def _is(levels: pa.DictionaryArray, level: str) -> Flags:
    """Which rows are at a level; a level that there is not has none."""
    number = pc.index(levels.dictionary, level).as_py()
    return np.asarray(level_codes(levels) == (number if number >= 0 else len(levels.dictionary) + 1))
