"""What a digest saves: a long window of which most days are digested, intervals from counts, wide windows."""

from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from frames import SENSITIVE, spec, write
from goals import check, document, goal, median, seconds

COLUMNS, WIDE_ROWS = 1_000, 100_000
RESAMPLES = 1_000


def test_a_long_window_costs_its_new_day(logs: Path, rows: int, tmp_path: Path) -> None:
    """P6: a check of 30 days with 29 digested (and merged) over a check of the one new day."""
    (tmp_path / "spec.yaml").write_text((logs / "spec.yaml").read_text())
    digest_days(tmp_path, logs / "reference.parquet", max(rows // 30, 1_000))
    write(tmp_path / "day.parquet", rows, 200)
    month, day = [], []
    for _ in range(3):
        day.append(check(tmp_path, "reference.digest", "day.parquet"))
        days = ["--current", str(tmp_path / "days.digest")]
        month.append(check(tmp_path, "reference.digest", "day.parquet", *days))
    share = median(month).seconds / median(day).seconds
    assert document(tmp_path)["windows"]["current"]["rows"] == rows + 29 * max(rows // 30, 1_000)  # type: ignore[index]
    print(f"\none day {median(day).told()}; the month {median(month).told()}")
    goal("P6", "30 days, 29 digested, over one day", f"{share:.2f}x", "0.8x to 1.2x", met=share <= 1.2)


def digest_days(folder: Path, reference: Path, rows: int) -> None:
    """Write the reference's digest and that of 29 days, added up."""
    from amends.adapters.files import load_spec, write_digest
    from amends.adapters.parquet import ParquetWindows
    from amends.measures.digests import WindowDigest
    from amends.workflow.digest import digest_window

    model, days = load_spec(folder / "spec.yaml"), []
    before = digest_window(model, ParquetWindows(reference), None)
    for day in range(29):
        write(folder / "day.parquet", rows, 100 + day)
        days.append(digest_window(model, ParquetWindows(folder / "day.parquet"), None, before))
    write_digest(before, folder / "reference.digest")
    write_digest(reduce(WindowDigest.merge, days), folder / "days.digest")


def test_intervals_need_no_rows(logs: Path) -> None:
    """P5: 1 000 resamples of every rate of every group, drawn on the table of counts."""
    from amends.adapters.files import load_spec
    from amends.adapters.parquet import ParquetWindows
    from amends.workflow.digest import digest_window

    digest = digest_window(load_spec(logs / "spec.yaml"), ParquetWindows(logs / "reference.parquet"), None)
    taken = seconds(lambda: bootstrap(digest.contingency().to_pandas()))
    goal("P5", f"{RESAMPLES} resamples of all group rates", f"{taken:.2f} s", "<= 1 s beyond the counts",
         met=taken <= 1)  # fmt: skip


def bootstrap(table) -> np.ndarray:
    """95 % intervals of selection rate, TPR and FPR by attribute and intersection, by multinomial draws."""
    draws = np.random.default_rng(1).multinomial(
        int(table["count"].sum()), table["count"] / table["count"].sum(), RESAMPLES
    )
    said, true = (table[name].to_numpy() == "1" for name in ("predicted_label", "label"))
    found = []
    for attributes in [*([name] for name in SENSITIVE), SENSITIVE]:
        for places in table.groupby(attributes).indices.values():
            inside = np.zeros(len(table), bool)
            inside[places] = True
            for base in (inside, inside & true, inside & ~true):
                rates = draws[:, base & said].sum(axis=1) / np.maximum(draws[:, base].sum(axis=1), 1)
                found.append(np.quantile(rates, [0.025, 0.975]))
    return np.array(found)


def test_a_thousand_columns(tmp_path: Path) -> None:
    """P11: 1 000 numeric columns, false discovery rate included."""
    columns = [f"n{i:04d}" for i in range(COLUMNS)]
    wide = spec()
    wide["columns"] |= {"numeric": columns, "categorical": []}  # type: ignore[operator]
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(wide))
    write(tmp_path / "narrow.parquet", WIDE_ROWS, 1)
    kept = pq.read_table(tmp_path / "narrow.parquet", columns=["row_id", "at", "score", "predicted", "label"])
    kept = pq.read_table(tmp_path / "narrow.parquet", columns=[*kept.column_names, *SENSITIVE])
    for name in ("reference", "current"):
        draw = np.random.default_rng([7, len(name)])
        table = pa.table(
            {**{n: kept[n] for n in kept.column_names}, **{n: draw.normal(size=WIDE_ROWS) for n in columns}}
        )
        pq.write_table(table, tmp_path / f"{name}.parquet")
        del table
    taken = check(tmp_path, "reference.parquet", "current.parquet")
    goal("P11", f"{COLUMNS} columns x {WIDE_ROWS} rows", taken.told(), "<= 30 s, <= 1000 MB",
         met=taken.seconds <= 30 and taken.megabytes <= 1000)  # fmt: skip
