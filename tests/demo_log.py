"""The demo's prediction log: the month that is the reference, and the window that goes wrong."""

from functools import cache
from pathlib import Path

import pandas as pd
from amends.adapters.files import load_spec
from amends.demo import lending
from amends.demo.training import train, train_on_officers
from amends.measures.scoring import decide, scorer_of

PATH = Path(__file__).parents[1] / "include" / "models" / "lending.yaml"
SPEC = load_spec(PATH)


@cache
def demo_log() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reference served by a fair release, the window after it by a biased one."""
    history = lending.applications(lending.HISTORY)
    served = []
    for number, fit, period in (("1", train, lending.REFERENCE), ("2", train_on_officers, lending.BAD)):
        rows = lending.applications(period)
        scores = scorer_of(fit(history, SPEC))(rows)
        served.append(rows.assign(score=scores, approved=decide(SPEC, scores), model_version=number))
    return served[0], served[1]
