"""The peer's way with the same two windows: Evidently's drift preset and Fairlearn's metrics on the rows.

A program: ``python peer.py REFERENCE.parquet CURRENT.parquet``.
"""

import sys
import warnings

from frames import CATEGORICAL, NUMERIC, SENSITIVE

warnings.simplefilter("ignore")


def main(reference: str, current: str) -> None:
    """Drift on 30 features and the score, rates by three attributes and their intersections."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    was, now = (pd.read_parquet(path) for path in (reference, current))
    columns = [*NUMERIC, *CATEGORICAL, "score"]
    roles = DataDefinition(numerical_columns=[*NUMERIC, "score"], categorical_columns=CATEGORICAL)
    sets = [Dataset.from_pandas(frame[columns], data_definition=roles) for frame in (now, was)]
    Report([DataDriftPreset()]).run(*sets).dict()
    metrics = {"selection": selection_rate, "tpr": true_positive_rate, "fpr": false_positive_rate}
    for attributes in [*([name] for name in SENSITIVE), SENSITIVE]:
        for frame in (was, now):
            rates = MetricFrame(
                metrics=metrics,
                y_true=frame["label"],
                y_pred=frame["predicted"],
                sensitive_features=frame[attributes],
            )
            assert len(rates.by_group) > 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
