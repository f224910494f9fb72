"""Decisions and outcomes counted by group of people, as fairness metrics want them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.counting import OTHER
from amends.measures.digests import WindowDigest

if TYPE_CHECKING:
    import pandas as pd

PENDING = -1
"""Label of rows whose outcome has not arrived."""
STRAY = 0.01
"""Share of values of no known class that may be left out as slips; above it the column is not understood."""
MOST_GROUPS = 100
"""Groups of one attribute or intersection that are compared, the largest first: 4950 pairs."""
SMALL_CELL = 11
"""Fewest rows of a group that is named or counted in a finding (CMS cell size suppression policy)."""
GROUP = "group"
WHERE = "where"
TRUTHS = {"True": "1", "1.0": "1", "False": "0", "0.0": "0"}


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Coded:
    """A window's table of counts with decisions and labels as 1, 0 and (label) -1: pending.

    ``undecided``: rows without a decision of a known class, which are left out.
    ``problem``: why the labels cannot be used; empty where they can.
    """

    frame: "pd.DataFrame"
    undecided: int
    problem: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Grouped:
    """Counts of one attribute or intersection: ``table`` by ``group`` (a number), label, predicted label.

    ``names``: the groups that are compared, by number. ``small``: other groups of at least
    :data:`SMALL_CELL` rows. ``uncompared``: large groups past :data:`MOST_GROUPS`, or of levels that the
    digest does not tell apart. ``hidden``: whether there are groups of fewer rows. ``unrecorded``: the share
    of rows without a group; 0 where they are fewer than :data:`SMALL_CELL`. ``totals``: rows of the window
    and those with a group, by what a rate rests on.
    """

    table: "pd.DataFrame"
    names: tuple[str, ...]
    small: tuple[str, ...]
    uncompared: int
    hidden: bool
    unrecorded: float
    totals: Mapping[str, tuple[int, int]]

    @property
    def labelled(self) -> float:
        """Share of the rows whose label has arrived."""
        return self.totals["labelled"][0] / max(self.totals["count"][0], 1)


def attribute_sets(attributes: Sequence[str]) -> list[tuple[str, ...]]:
    """Each attribute, each pair of them, and where there are three or more all of them together."""
    names = tuple(dict.fromkeys(attributes))
    joint = [names] if len(names) > 2 else []  # noqa: PLR2004 - two are a pair already
    return [*((one,) for one in names), *combinations(names, 2), *joint]


def favourable(spec: ModelSpec) -> str:
    """The favourable label as the text of a level: true, 1 and 1.0 are ``1``."""
    text = str(spec.favourable_label)
    return TRUTHS.get(text, text)


def coded(spec: ModelSpec, window: WindowDigest) -> Coded:
    """Code decisions and labels: 0 and 1 stand for themselves; of other labels the favourable one is 1.

    :raises DataError: the decisions are not of the classes that the spec and the labels speak of.
    """
    frame = window.contingency()
    frame = frame[frame["predicted_label"].notna()]
    classes = _classes(spec, frame)
    strange, why = _strange(frame, "predicted_label", classes)
    if why:
        raise DataError(f"{why}. Correct columns.predicted_label or favourable_label in the spec.")
    undecided = int(frame.loc[strange, "count"].sum())
    frame = frame[~strange].copy()
    strange, why = _strange(frame, "label", classes)
    known = frame["label"].notna() & ~strange
    positive = "1" if classes == {"0", "1"} else favourable(spec)
    frame["predicted_label"] = (frame["predicted_label"] == positive).astype(int)
    frame["label"] = (frame["label"] == positive).astype(int).where(known, PENDING)
    return Coded(frame=frame, undecided=undecided, problem=why)


def _classes(spec: ModelSpec, frame: "pd.DataFrame") -> set[str]:
    """The two classes of a binary task; of several classes those that are decided or recorded."""
    good, (said, true) = favourable(spec), (_counted(frame, name) for name in ("predicted_label", "label"))
    if spec.task != "binary_classification":
        found = {*said, *true}
        if found and good not in found:
            raise DataError(f"no label and no prediction is {good!r} (favourable_label). Correct the spec.")
        if true and not set(said) & set(true):
            raise DataError("labels and predictions have no class in common. Write both with the same names.")
        return found
    if good in {"0", "1"}:
        return {"0", "1"}
    others = [level for level in (*said, *true) if level != good]
    return {good, *others[:1]}


def _counted(frame: "pd.DataFrame", name: str) -> list[str]:
    """The levels of a column, most frequent first."""
    counts: Mapping[str, int] = frame.dropna(subset=[name]).groupby(name)["count"].sum().to_dict()
    return sorted(counts, key=lambda level: (-counts[level], level))


def _strange(frame: "pd.DataFrame", name: str, classes: set[str]) -> tuple["pd.Series", str]:
    """Rows whose value is of no known class, and a reason where they are too many to be slips."""
    strange = frame[name].notna() & ~frame[name].isin(classes)
    share = frame.loc[strange, "count"].sum() / max(frame.loc[frame[name].notna(), "count"].sum(), 1)
    if share <= STRAY:
        return strange, ""
    known = " and ".join(repr(one) for one in sorted(classes)[:2])
    return strange, f"{share:.0%} of the {name.replace('_', ' ')}s are not {known}"


def grouped(window: Coded, names: tuple[str, ...], least: float) -> Grouped:
    """Count by the groups of some attributes; only groups of ``least`` rows are compared.

    The overflow of levels past those that a digest keeps is many groups in one, and is none.
    """
    recorded = window.frame.dropna(subset=list(names))
    keys = list(recorded[list(names)].itertuples(index=False, name=None))
    sizes: dict[tuple[str, ...], int] = {}
    for key, n in zip(keys, recorded["count"].tolist(), strict=True):
        sizes[key] = sizes.get(key, 0) + n
    ranked = sorted(sizes, key=lambda key: (-sizes[key], key))
    large = sorted([key for key in ranked if sizes[key] >= least and OTHER not in key][:MOST_GROUPS])
    number = {key: i for i, key in enumerate(large)}
    place = np.array([number.get(key, -1) for key in keys], dtype=np.int64)
    table = recorded.assign(**{GROUP: place})[place >= 0]
    told = [key for key in ranked if SMALL_CELL <= sizes[key] < least and OTHER not in key]
    others = [key for key in ranked if sizes[key] >= least and key not in number]
    both = _bases(window.frame), _bases(recorded)
    missing = both[0]["count"] - both[1]["count"]
    return Grouped(
        table=table.groupby([GROUP, "label", "predicted_label"], as_index=False)["count"].sum(),
        names=tuple(" & ".join(key) for key in large),
        small=tuple(sorted(" & ".join(key) for key in told)),
        uncompared=len(others),
        hidden=any(n < SMALL_CELL for n in sizes.values()),
        unrecorded=missing / both[0]["count"] if missing >= SMALL_CELL else 0.0,
        totals={base: (n, both[1][base]) for base, n in both[0].items()},
    )


def _bases(frame: "pd.DataFrame") -> dict[str, int]:
    """Rows by what a rate may rest on."""
    label = frame["label"]
    parts = {
        "count": label.notna(),
        "labelled": label != PENDING,
        "positives": label == 1,
        "negatives": label == 0,
        "selected": (label != PENDING) & (frame["predicted_label"] == 1),
    }
    return {name: int(frame.loc[rows, "count"].sum()) for name, rows in parts.items()}


def stacked(tables: "Sequence[pd.DataFrame]") -> "pd.DataFrame":
    """Several tables of :class:`Grouped` as one, with the number of each as ``where``."""
    import pandas as pd  # noqa: PLC0415 - half a second that only some callers need

    return pd.concat([table.assign(**{WHERE: at}) for at, table in enumerate(tables)], ignore_index=True)
