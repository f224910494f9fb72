"""Expectations on a window's profile, run by an ephemeral context of Great Expectations.

No value of the data is in that table, so none can be in a result; Data Docs, which would run what is in the
data, are not built. Nothing of ours is needed here, so that a process beside has little to load.
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RESULT_FORMAT = {"result_format": "COMPLETE", "exclude_unexpected_values": True}
"""Row numbers of the profile that failed, without any value."""

UNASKED = (
    "datasource/fluent/fabric.py",
    "datasource/fluent/*_datasource.py",
    "expectations/core/*.py",
    "expectations/metrics/column_aggregate_metrics",
    "expectations/metrics/column_map_metrics",
    "expectations/metrics/multicolumn_map_metrics",
    "expectations/metrics/query_metrics",
    "metrics/batch/*.py",
    "metrics/column/*.py",
    "metrics/multi_column/*.py",
    "metrics/query/*.py",
)
"""Where Great Expectations keeps data sources, expectations and metrics, of which one each is asked here."""
ASKED = frozenset({"pandas_datasource", "expect_column_pair_values_a_to_be_greater_than_b", "__init__"})


def unasked() -> list[str]:
    """Modules of Great Expectations that judge nothing here, in whatever release is installed."""
    package = find_spec("great_expectations")
    home = Path(package.origin).parent if package and package.origin else Path()
    found = {path for pattern in UNASKED for path in home.glob(pattern) if path.stem not in ASKED}
    return sorted(".".join((home.name, *path.relative_to(home).with_suffix("").parts)) for path in found)


def broken(table: dict[str, list[float]]) -> tuple[set[int], set[int]]:
    """Let Great Expectations judge the profile.

    :returns: rows whose value breaks a limit, and rows whose evidence breaks one.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    settings = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    context = gx.get_context(mode="ephemeral", project_config=settings)
    rows = len(table["value"])
    judged, low, high = table["value"] + table["evidence"], 2 * table["low"], 2 * table["high"]
    frame = pd.DataFrame({"larger": high + judged, "smaller": judged + low})
    asset = context.data_sources.add_pandas("profile").add_dataframe_asset("checks")
    batch = asset.add_batch_definition_whole_dataframe("window").get_batch({"dataframe": frame})
    ordered = gx.expectations.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="larger", column_B="smaller", or_equal=True
    )
    failed = {row % (2 * rows) for row in _rows(batch.validate(ordered, result_format=RESULT_FORMAT))}
    return {row for row in failed if row < rows}, {row - rows for row in failed if row >= rows}


def _rows(result: Any) -> Sequence[int]:
    """Row numbers that failed an expectation. :raises RuntimeError: the expectation itself did not run."""
    if "unexpected_index_list" in result.result:
        return result.result["unexpected_index_list"] or []
    if result.success:
        return []
    raise RuntimeError(f"Great Expectations did not judge the profile: {result.exception_info}")
