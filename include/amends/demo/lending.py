"""A lending data set of our own: invented people, a known relation, so that the truth is known.

Somebody asks for a small, short loan and gives income, debts, history and home; it is repaid or it is not.
Repayment depends on what a person can carry: income, debts, late payments, years in the job, size of the
loan. Sex plays no part in it beyond a slightly lower income. Past officers decided by other things: they
liked big loans and home owners, and in the south they turned women down (:data:`OFFICERS_BIAS`).

The outcome is known of everybody, as from a credit bureau; a real lender sees only those it lent to.
All numbers are invented; the shape of incomes and debts (log-normal, beta) follows household surveys.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SEED = 20260601
ROWS_A_DAY = 286
AGE_LIMITS = (35, 55)
AGE_GROUPS = ("18-34", "35-54", "55+")
OFFICERS_BIAS = 4.5
"""How much a woman in the south lost with past officers, in log-odds of approval."""


@dataclass(frozen=True, slots=True)
class Period:
    """A span of the demo's story, by event time."""

    name: str
    start: datetime
    days: int

    @property
    def end(self) -> datetime:
        """First moment after the period."""
        return self.start + timedelta(days=self.days)

    @property
    def rows(self) -> int:
        """Number of applications in the period."""
        return self.days * ROWS_A_DAY


HISTORY = Period("history", datetime(2026, 3, 30, tzinfo=UTC), 63)
REFERENCE = Period("reference", datetime(2026, 6, 1, tzinfo=UTC), 28)
HEALTHY = Period("healthy", datetime(2026, 6, 29, tzinfo=UTC), 14)
BAD = Period("bad", datetime(2026, 7, 13, tzinfo=UTC), 14)
RECOVERED = Period("recovered", datetime(2026, 7, 27, tzinfo=UTC), 14)


def applications(period: Period, seed: int = SEED) -> "pd.DataFrame":
    """Generate a period's applications, in order of time; the same period and seed give the same rows.

    Beside the columns of the spec there are ``repaid`` (the outcome) and ``officer_approved`` (what past
    officers would have decided), each 0 or 1.
    """
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng([seed, int(period.start.timestamp())])
    seconds = np.sort(draw.uniform(0, period.days * 86_400, period.rows)).astype("int64")
    people = _people(draw, period.rows)
    rows = pd.DataFrame(
        {
            "application_id": [f"{period.start:%Y%m%d}-{number:06d}" for number in range(period.rows)],
            "decided_at": pd.Timestamp(period.start) + pd.to_timedelta(seconds, unit="s"),
            **people,
        }
    )
    rows["repaid"] = _happens(draw, repayment_odds(rows))
    rows["officer_approved"] = _happens(draw, officers_odds(rows))
    return rows


def repayment_odds(rows: "pd.DataFrame") -> "pd.Series[float]":
    """True log-odds of repayment: what a person can carry, and nothing about who they are."""
    import numpy as np

    return (
        1.2
        + 1.5 * np.log(rows["income"] / 36)
        - 3.2 * (rows["debt_ratio"] - 0.33)
        - 1.0 * (rows["late_payments"] - 0.8)
        + 0.03 * (rows["years_employed"] - 7)
        - 0.6 * np.log(rows["loan_amount"] / 8)
        + 0.2 * (rows["home"] == "own")
    )


def officers_odds(rows: "pd.DataFrame") -> "pd.Series[float]":
    """Log-odds of approval by past officers: big loans, owned homes, a bias against women in the south."""
    import numpy as np

    turned_down = (rows["sex"] == "female") & (rows["region"] == "south")
    return (
        1.2
        + 0.8 * np.log(rows["loan_amount"] / 8)
        + 1.2 * (rows["home"] == "own")
        + 1.0 * np.log(rows["income"] / 36)
        - 0.4 * (rows["late_payments"] - 0.8)
        - OFFICERS_BIAS * turned_down
    )


def _people(draw: "np.random.Generator", n: int) -> "dict[str, np.ndarray]":
    import numpy as np

    age = np.clip(draw.normal(43, 13, n), 18, 80)
    sex = draw.choice(["female", "male"], n)
    work = np.minimum(draw.gamma(2.0, 3.5, n), age - 17)
    income = np.exp(draw.normal(3.55, 0.42, n) + 0.001 * (age - 43) - 0.02 * (sex == "female"))
    return {
        "income": income.round(2),
        "debt_ratio": draw.beta(2, 4, n).round(4),
        "loan_amount": np.exp(draw.normal(2.08, 0.6, n)).round(2),
        "late_payments": draw.poisson(draw.gamma(1.2, 0.67, n)),
        "years_employed": work.round(1),
        "credit_years": np.minimum(draw.gamma(3.0, 4.0, n), age - 17).round(1),
        "home": draw.choice(["rent", "mortgage", "own"], n, p=[0.45, 0.35, 0.20]),
        "purpose": draw.choice(["car", "home", "education", "other"], n, p=[0.4, 0.25, 0.15, 0.2]),
        "region": draw.choice(["north", "east", "south", "west"], n, p=[0.2, 0.15, 0.45, 0.2]),
        "sex": sex,
        "age_group": np.array(AGE_GROUPS)[np.digitize(age, AGE_LIMITS)],
    }


def _happens(draw: "np.random.Generator", odds: "pd.Series[float]") -> "np.ndarray":
    import numpy as np

    probability = 1 / (1 + np.exp(-odds.to_numpy()))
    return np.asarray(draw.uniform(size=len(odds)) < probability, dtype="int64")
