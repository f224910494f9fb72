"""A remedy on a real incident, where its data are: what was lost comes back on rows it was not fitted to.

The others are walked through the DAG (tests/dags/test_real_remedies_run.py).
"""

import pytest
from amends.workflow.remedies.recalibrate import recalibrate
from cases import case, held_out, real, span

pytestmark = [pytest.mark.usefixtures("one_thread"), *real]


def test_grown_demand_is_recalibrated() -> None:
    """Bike sharing: a map of the scores halves the log-loss on the newest fifth, and the order stays."""
    from sklearn.metrics import log_loss, roc_auc_score

    one = case("bike_2012_recalibrate")
    made = recalibrate(one.services, one.spec, incident="i-1", parent=one.parent, window=one.window)
    rows = held_out(one, made.holdout)
    load = one.services.registry.load
    old, new = (load(version)(rows) for version in (one.parent, made.version))

    assert log_loss(rows["label"], new) <= log_loss(rows["label"], old) * 0.55
    assert roc_auc_score(rows["label"], new) >= roc_auc_score(rows["label"], old) - 0.005
    half = span(one.spec, one.current.head(len(one.current) // 2))
    early = recalibrate(one.services, one.spec, incident="i-2", parent=one.parent, window=half)
    rest = one.current.tail(len(one.current) // 2)
    old, new = (load(version)(rest) for version in (one.parent, early.version))
    assert log_loss(rest["label"], new) <= log_loss(rest["label"], old) / 2
