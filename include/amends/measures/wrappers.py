"""Versions that wrap a parent: its scores mapped anew, its inputs masked, its decisions moved by group.

Plain data and the parent's estimator, nothing else: no function, no code of a caller. The artefact store
rebuilds them by name (``adapters.artefacts.TRUSTED_TYPES``), so a class renamed here makes stored versions
unreadable, and a class that did more than arithmetic on its own data would be a way in.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from amends.measures.arrow import Floats
from amends.measures.recalibration import ScoreMap, log_odds, share_of

if TYPE_CHECKING:
    import pandas as pd


class Wrapper:
    """A classifier with two classes that asks its parent, and looks like an estimator to its loader."""

    parent: Any

    @property
    def feature_names_in_(self) -> list[str]:
        """Columns that have to be given."""
        return [str(name) for name in self.parent.feature_names_in_]

    @property
    def classes_(self) -> Any:
        """The parent's classes; the probability of the last one is the score."""
        return self.parent.classes_

    def scores(self, rows: "pd.DataFrame") -> Floats:
        """Score each row: probability of the last class."""
        raise NotImplementedError

    def predict_proba(self, rows: "pd.DataFrame") -> Floats:
        """Return probabilities of both classes, shape (rows, 2)."""
        score = self.scores(rows)
        return np.column_stack([1 - score, score])

    def predict(self, rows: "pd.DataFrame") -> Any:
        """Return the likelier class of each row."""
        return np.asarray(self.classes_)[(self.scores(rows) >= 1 / 2).astype(int)]


class Recalibrated(Wrapper):
    """The parent's scores through a rising map.

    :param kind: ``shift``, ``platt`` or ``isotonic`` (:mod:`amends.measures.recalibration`).
    :param numbers: the map's numbers, as :class:`~amends.measures.recalibration.ScoreMap` holds them.
    """

    def __init__(self, parent: Any, kind: str, x: Floats, y: Floats) -> None:
        self.parent, self.kind, self.x, self.y = parent, kind, x, y

    def scores(self, rows: "pd.DataFrame") -> Floats:
        """Map the parent's scores."""
        return ScoreMap(self.kind, self.x, self.y).apply(parent_scores(self.parent, rows))


class Masked(Wrapper):
    """The parent with inputs that it does not get to see; they need not even be there.

    :param fills: masked column to what the parent is given instead: a number (NaN: missing), a text, or None.
    :param guesses: masked column to an estimator that guesses it from the parent's other inputs, where one
        is used; its ``fills`` entry then only marks the column as masked.
    """

    def __init__(
        self, parent: Any, fills: Mapping[str, float | str | None], guesses: Mapping[str, Any]
    ) -> None:
        self.parent, self.fills, self.guesses = parent, dict(fills), dict(guesses)

    @property
    def feature_names_in_(self) -> list[str]:
        """Columns that have to be given: those of the parent that are not masked."""
        return [str(name) for name in self.parent.feature_names_in_ if name not in self.fills]

    def scores(self, rows: "pd.DataFrame") -> Floats:
        """Score rows whose masked columns are replaced."""
        return parent_scores(self.parent, self.replaced(rows))

    @property
    def classifies(self) -> bool:
        """Whether the parent gives probabilities; a regression predicts."""
        return bool(getattr(self.parent, "classifies", hasattr(self.parent, "predict_proba")))

    def predict_proba(self, rows: "pd.DataFrame") -> Floats:
        """Return the parent's probabilities of all its classes, shape (rows, classes)."""
        shares: Floats = self.parent.predict_proba(self._asked(rows))
        return shares

    def predict(self, rows: "pd.DataFrame") -> Any:
        """Return what the parent predicts: the likeliest class, or a number."""
        return self.parent.predict(self._asked(rows))

    def _asked(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        asked: pd.DataFrame = self.replaced(rows)[list(self.parent.feature_names_in_)]
        return asked

    def replaced(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """Return the parent's inputs, with the masked columns replaced."""
        seen = rows[self.feature_names_in_]
        filled = {
            name: self.guesses[name].predict(seen)
            if name in self.guesses
            else np.full(len(seen), value, dtype=float if isinstance(value, float) else object)
            for name, value in self.fills.items()
        }
        whole: pd.DataFrame = seen.assign(**filled)[[str(name) for name in self.parent.feature_names_in_]]
        return whole


class GroupShifted(Wrapper):
    """The parent with a threshold for each group, written as a shift of the log odds.

    **Uses the sensitive attribute when it scores.** It is made only where that was allowed by name.

    :param attribute: the column with the groups.
    :param shifts: group to what is added to the log odds; a group that is not in it is left alone.
    """

    def __init__(self, parent: Any, attribute: str, shifts: Mapping[str, float]) -> None:
        self.parent, self.attribute, self.shifts = parent, attribute, dict(shifts)

    @property
    def feature_names_in_(self) -> list[str]:
        """Columns that have to be given: the parent's, and the sensitive attribute."""
        return list(dict.fromkeys([*super().feature_names_in_, self.attribute]))

    def scores(self, rows: "pd.DataFrame") -> Floats:
        """Score rows, each moved by what its group is moved by."""
        moved: Sequence[float] = [self.shifts.get(str(group), 0.0) for group in rows[self.attribute]]
        return share_of(log_odds(parent_scores(self.parent, rows)) + np.asarray(moved, dtype=np.float64))


def parent_scores(parent: Any, rows: "pd.DataFrame") -> Floats:
    """Score rows with an estimator on the columns that it was fitted on."""
    scores: Floats = np.asarray(
        parent.predict_proba(rows[list(parent.feature_names_in_)])[:, -1], dtype=np.float64
    )
    return scores
