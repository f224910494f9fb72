"""What a scoring step does while a trial runs: score the challenger beside the champion, or let it answer.

Whatever goes wrong with the challenger, people get the champion's answer: it is scored in the sandbox, and a
row without a usable score of it counts as its failure.
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.trial import KINDS, Mode, Trial, assigned, running, trial_of
from amends.measures.scoring import decide
from amends.ports import Ledger, ModelRegistry

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows for the prediction log, and rows for the shadow log beside it (none without a trial)."""

    log: "pd.DataFrame"
    shadow: "pd.DataFrame | None" = None


def running_trial(ledger: Ledger, model: str) -> Trial | None:
    """Find the model's running trial, where the champion is still the one it compares with."""
    started = running(ledger.events(model=model, kinds=KINDS))
    champion = ledger.champion(model)
    if started is None or champion is None:
        return None
    trial = trial_of(started)
    return trial if trial.champion.digest == champion.digest else None


def score_rows(
    registry: ModelRegistry, spec: ModelSpec, version: ModelVersion, rows: "pd.DataFrame"
) -> "pd.DataFrame":
    """Score rows with a version; return what the prediction log keeps of them."""
    scores = registry.load(version)(rows)
    answered = {
        spec.columns.score: scores,
        spec.columns.predicted_label: decide(spec, scores),
        str(spec.columns.model_version): version.version,
    }
    return rows.assign(**answered)[list(spec.columns.all)]


def score_window(registry: ModelRegistry, spec: ModelSpec, trial: Trial, rows: "pd.DataFrame") -> Scored:
    """Score a batch under a trial.

    Shadow: the champion answers every row; the shadow log gets the challenger's score of each, null where it
    failed. Canary: the challenger answers the rows assigned to it; where it fails the champion answers, and
    the shadow log gets a row with a null score.

    :raises ArtefactError: the champion does not load or score; the challenger never stops a batch.
    """
    answered = score_rows(registry, spec, trial.champion, rows)
    if trial.mode is Mode.SHADOW:
        return Scored(answered, _beside(registry, spec, trial.challenger, rows))
    chosen = np.array(assigned(trial, rows[spec.columns.id]), dtype=bool)
    beside = _beside(registry, spec, trial.challenger, rows[chosen])
    usable = beside[spec.columns.score].notna().to_numpy()
    takes = np.flatnonzero(chosen)[usable]
    for name in (spec.columns.score, spec.columns.predicted_label, str(spec.columns.model_version)):
        values = answered[name].to_numpy(copy=True)
        values[takes] = beside.loc[usable, name].to_numpy(dtype=values.dtype)
        answered[name] = values
    return Scored(answered, beside[~usable])


def _beside(
    registry: ModelRegistry, spec: ModelSpec, version: ModelVersion, rows: "pd.DataFrame"
) -> "pd.DataFrame":
    """Rows of the shadow log: id, time, version, score and decision; both null where there is no score."""
    import pandas as pd  # noqa: PLC0415 - half a second that only some callers need

    c = spec.columns
    scores = _usable(registry, version, rows)
    decisions = pd.array(decide(spec, pd.Series(scores)), dtype="Int64")
    decisions[np.isnan(scores)] = pd.NA
    kept = {
        c.id: rows[c.id].to_numpy(),
        c.timestamp: rows[c.timestamp].to_numpy(),
        str(c.model_version): version.version,
        c.score: scores,
        c.predicted_label: decisions,
    }
    return pd.DataFrame(kept, index=rows.index)


def _usable(
    registry: ModelRegistry, version: ModelVersion, rows: "pd.DataFrame"
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Scores of a version by the sandbox; NaN for each that is no probability, or for all where it fails."""
    nothing = np.full(len(rows), np.nan)
    if not len(rows):
        return nothing
    try:
        scores = registry.apart(version)(rows).to_numpy(dtype=np.float64)
    except Exception as error:  # noqa: BLE001 - nothing that a challenger does may stop the champion's answer
        log.warning("challenger %s of %s did not score: %s", version.version, version.model, error)
        return nothing
    if len(scores) != len(rows):
        return nothing
    return np.where((scores >= 0) & (scores <= 1), scores, np.nan)
