"""P4: verdicts from digests beside verdicts from rows, on a thousand random pairs of windows.

The rules are those that monitors start from, so that each has an oracle on rows: Evidently's two distances,
four fifths and a drop of AUC. The faults are small, so that many pairs lie near a limit.
"""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.measures.digests import WindowDigest
from amends.measures.distances import jensen_shannon, wasserstein
from amends.measures.performance import auc
from goals import goal
from streams import SPREAD, Rows, Stream, digest

SEED = 20261125
PAIRS = 1000
DISTANCE, FIFTHS, DROP = 0.1, 0.8, 0.03
Verdicts = dict[str, bool | None]
"""What is asked to the answer; None: the limit lies inside the bounds, so that rows have to be read."""


def test_a_thousand_pairs_are_judged_as_on_their_rows() -> None:
    """No verdict differs, of drift by column, of bias and of ranking."""
    differing, undecided, answers = Counter[str](), 0, Counter[bool]()
    for number in range(PAIRS):
        draw = np.random.default_rng([SEED, number])
        stream = Stream("pair", (int(draw.integers(2, 5)),), 8, int(draw.integers(500, 4000)), 4000)
        frames, digests = pair(stream, number, draw)
        truth, told = from_rows(stream, frames), from_digests(stream, digests)
        assert truth.keys() == told.keys()
        for asked, answer in told.items():
            undecided += answer is None
            answers[bool(truth[asked])] += 1
            if answer is not None and answer != truth[asked]:
                differing[asked] += 1
    print(
        f"\nseed {SEED}: {answers[True]} breaches and {answers[False]} passes; {undecided} left to the rows"
    )
    goal("P4", f"verdicts on {PAIRS} random pairs", f"{sum(differing.values())} of {answers.total()} differ",
         "0", met=not differing)  # fmt: skip
    assert min(answers.values()) > PAIRS


def pair(
    stream: Stream, number: int, draw: np.random.Generator
) -> tuple[list[pd.DataFrame], list[WindowDigest]]:
    """A reference and a window with a few random faults, as rows and as digests."""
    before, now = (stream.at(window, SEED + number) for window in (0, 1))
    spoil(now, draw)
    tables = [before.table("r"), now.table("c")]
    reference = digest(stream.spec(), tables[0])
    return [table.to_pandas() for table in tables], [reference, digest(stream.spec(), tables[1], reference)]


def spoil(rows: Rows, draw: np.random.Generator) -> None:
    """Move columns, odds of a group, and the order of the scores, each by a random amount."""
    for name in [one for one in rows.columns if one.startswith("n")]:
        values = rows.columns[name].astype(float)
        rows.columns[name] = values + draw.choice([0, 1]) * draw.uniform(0, 0.3) * values.std()
    replaced = draw.random(len(rows.true)) < draw.uniform(0, 0.3)
    level = rows.columns["c3"].copy()
    level[replaced] = "l0"
    rows.columns["c3"] = level
    behind = rows.columns["group0"] == "g1"
    said = rows.said - behind * draw.uniform(0, 0.8)
    rows.said = said + draw.normal(0, draw.uniform(0, 1) * SPREAD, len(said))


def from_rows(stream: Stream, frames: list[pd.DataFrame]) -> Verdicts:
    """By scipy, Fairlearn and scikit-learn, on every row."""
    from fairlearn.metrics import demographic_parity_ratio
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import wasserstein_distance
    from sklearn.metrics import roc_auc_score

    before, now = frames
    verdicts: Verdicts = {}
    for name in stream.numeric:
        distance = wasserstein_distance(before[name], now[name]) / max(before[name].std(ddof=0), 0.001)
        verdicts[f"drift of {name}"] = bool(distance >= DISTANCE)
    for name in stream.categorical:
        shares = pd.concat([one[name].value_counts(normalize=True) for one in frames], axis=1).fillna(0.0)
        verdicts[f"drift of {name}"] = bool(jensenshannon(shares.iloc[:, 0], shares.iloc[:, 1]) >= DISTANCE)
    ratio = demographic_parity_ratio(now["label"], now["predicted"], sensitive_features=now["group0"])
    areas = [roc_auc_score(one["label"], one["score"]) for one in frames]
    return {**verdicts, "four fifths": bool(ratio < FIFTHS), "ranking": bool(areas[0] - areas[1] > DROP)}


def from_digests(stream: Stream, digests: list[WindowDigest]) -> Verdicts:
    """By what the digests hold."""
    before, now = digests
    verdicts: Verdicts = {}
    for name in stream.numeric:
        bounds = wasserstein(before.numeric[name], now.numeric[name])
        limit = DISTANCE * max(before.numeric[name].sd, 0.001)
        inside = bounds.low < limit <= bounds.high
        verdicts[f"drift of {name}"] = None if inside else bounds.low >= limit
    for name in stream.categorical:
        apart = jensen_shannon(before.categorical[name], now.categorical[name])
        verdicts[f"drift of {name}"] = apart >= DISTANCE
    table = now.contingency().to_pandas().astype({"label": int, "predicted_label": int})
    found = FairlearnMetrics().by_group(pa.Table.from_pandas(table), ["group0"])
    rates = found["selection_rate"].to_numpy()
    areas = [auc(one.scores[""]).value for one in digests]
    return {
        **verdicts,
        "four fifths": rates.min() / rates.max() < FIFTHS,
        "ranking": areas[0] - areas[1] > DROP,
    }
