"""Evidently draws the page for people: drift by its own preset, bias and performance from the findings.

It is handed representative numbers of the digests and not rows: each one is the mean of at least
:data:`SMALL_CELL` rows, and levels in fewer rows are pooled, so that no single person shows.
"""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amends.adapters.report_page import page, plain, plain_names
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd

    from amends.measures.digests import WindowDigest

SMALL_CELL = 11
"""Fewest rows that a shown number stands for (CMS cell size suppression policy)."""
MOST_POINTS = 10_000
MOST_COLUMNS = 30
"""Columns drawn: a page of 300 weighs 25 MB. The findings name them all."""
LARGEST = 1e100
"""Numbers beyond it overflow Evidently's arithmetic."""
DRIFT_THRESHOLD = 0.1
"""Evidently's own default for normed Wasserstein and Jensen-Shannon distance above 1000 rows."""
RARE = "(levels in under 11 rows)"

SECTIONS = (
    ("Bias: rates by group", (Category.FAIRNESS,)),
    (
        "Performance and calibration",
        (Category.PERFORMANCE, Category.PERFORMANCE_ESTIMATED, Category.CALIBRATION_DRIFT),
    ),
    ("Data and label quality", (Category.DATA_QUALITY, Category.LABEL_QUALITY)),
    ("Drift findings", (Category.DATA_DRIFT, Category.PREDICTION_DRIFT, Category.LABEL_DRIFT)),
    ("What the scores follow", (Category.ATTRIBUTION_SHIFT,)),
)
WORDS = {
    Verdict.PASS: "ok",
    Verdict.BREACH: "BREACH",
    Verdict.INCONCLUSIVE: "cannot tell",
    Verdict.NO_DATA: "no data",
    Verdict.ERROR: "CHECK FAILED",
}
GRAVEST = (Verdict.ERROR, Verdict.BREACH, Verdict.INCONCLUSIVE, Verdict.NO_DATA, Verdict.PASS)


class EvidentlyReporter:
    """The :class:`amends.ports.Reporter` on Evidently."""

    def render(
        self,
        spec: ModelSpec,
        reference: "WindowDigest",
        current: "WindowDigest",
        findings: Sequence[Finding],
    ) -> str:
        """HTML text of one self-contained page that runs nothing from the data and loads nothing."""
        os.environ.setdefault("DO_NOT_TRACK", "1")
        frames, notes = comparable(spec, reference, current, findings)
        widgets = [_head(spec, reference, current, findings), *_sections(findings)]
        if notes:
            widgets.append(_table("Columns that are not drawn", ("Column", "Why"), notes))
        if frames is not None:
            widgets += _drift(*frames)
        return page(f"{spec.name}: drift and bias report", widgets)


def comparable(
    spec: ModelSpec, reference: "WindowDigest", current: "WindowDigest", findings: Sequence[Finding]
) -> tuple[tuple["pd.DataFrame", "pd.DataFrame"] | None, list[tuple[str, str]]]:
    """Frames that Evidently can compare, and notes on the columns that are left out.

    :returns: (reference, current) or None where no column can be drawn.
    """
    notes: list[tuple[str, str]] = []
    wanted = _ranked(spec, findings)
    drawn: list[str] = []
    for name in wanted:
        why = _obstacle(name, reference, current)
        if why:
            notes.append((plain(name), why))
        elif len(drawn) == MOST_COLUMNS:
            notes.append((plain(name), f"only the {MOST_COLUMNS} columns that moved most are drawn"))
        else:
            drawn.append(name)
    if not drawn or min(reference.rows, current.rows) < 2 * SMALL_CELL:
        few = [] if not drawn else [("all", f"a window has under {2 * SMALL_CELL} rows")]
        return None, notes + few
    names = plain_names(drawn)
    return (_frame(reference, names), _frame(current, names)), notes


def _ranked(spec: ModelSpec, findings: Sequence[Finding]) -> list[str]:
    """Columns that can be drawn, those that moved most by the findings first."""
    c = spec.columns
    wanted = list(dict.fromkeys((*c.features, c.score, *c.sensitive)))
    moved: dict[str, tuple[bool, float]] = {}
    for one in findings:
        if isinstance(one.column, str):
            drift = one.value if one.category is Category.DATA_DRIFT and one.value is not None else 0.0
            worst = moved.get(one.column, (False, 0.0))
            moved[one.column] = max(worst, (one.is_breach, drift))
    return sorted(wanted, key=lambda name: moved.get(name, (False, 0.0)), reverse=True)


def _obstacle(name: str, reference: "WindowDigest", current: "WindowDigest") -> str:
    for word, window in (("reference", reference), ("current", current)):
        numbers, levels = window.numeric.get(name), window.categorical.get(name)
        if numbers is not None:
            low, high = numbers.minimum, numbers.maximum
            if low is None or high is None:
                return f"it has no number in the {word} window"
            if low == high:
                return f"it is constant in the {word} window"
            if max(abs(low), abs(high)) > LARGEST:
                return f"it holds numbers too large to draw in the {word} window"
        elif levels is None or not levels.count:
            return f"it has no value in the {word} window"
        elif len(levels.counts) < 2:  # noqa: PLR2004 - one level is no distribution
            return f"it is constant in the {word} window"
    return ""


def _frame(window: "WindowDigest", names: Mapping[str, str]) -> "pd.DataFrame":
    """Representative numbers, each of at least SMALL_CELL rows, under their plain names."""
    import pandas as pd

    rows = window.representative(min(MOST_POINTS, window.rows // SMALL_CELL))
    columns: dict[str, Any] = {}
    for name, shown in names.items():
        if name in window.numeric:
            columns[shown] = rows[name].to_numpy()
            continue
        counts = window.categorical[name].counts
        common = [level for level, n in counts.items() if n >= SMALL_CELL]
        labels = plain_names(common)
        columns[shown] = [labels.get(level, RARE) if level is not None else None for level in rows[name]]
    return pd.DataFrame(columns)


def _drift(reference: "pd.DataFrame", current: "pd.DataFrame") -> list[Any]:
    """Evidently's drift preset; one drifted column is enough to say so, whatever the share of columns."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    class Table(DataDriftPreset):  # type: ignore[misc]
        """The preset without what it draws of each column and does not show: its table draws them again."""

        def generate_metrics(self, context: Any) -> Sequence[Any]:
            shown: Sequence[Any] = super().generate_metrics(context)
            return shown[:1]

    numeric = [name for name in reference if reference[name].dtype.kind == "f"]
    definition = DataDefinition(
        numerical_columns=numeric,
        categorical_columns=[name for name in reference if name not in numeric],
    )
    preset = Table(
        columns=list(reference),
        num_method="wasserstein",
        cat_method="jensenshannon",
        threshold=DRIFT_THRESHOLD,
        drift_share=1 / reference.shape[1],
        include_tests=False,
    )
    data = (Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference))
    widgets: list[Any] = Report([preset]).run(*data).to_snapshot_model().widgets
    return widgets


def _head(
    spec: ModelSpec, reference: "WindowDigest", current: "WindowDigest", findings: Sequence[Finding]
) -> Any:
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    counts = [(verdict, sum(one.verdict is verdict for one in findings)) for verdict in GRAVEST]
    shown = [CounterData(WORDS[verdict], str(n)) for verdict, n in counts if n]
    windows = [
        CounterData(
            f"{word} rows, {(window.start or '?')[:10]} to {(window.end or '?')[:10]}", str(window.rows)
        )
        for word, window in (("reference", reference), ("current", current))
    ]
    return counter(counters=[*windows, *shown], title=f"{plain(spec.name)}: drift and bias report")


def _sections(findings: Sequence[Finding]) -> list[Any]:
    header = ("Check", "About", "Verdict", "Value", "Reference", "Limit", "Interval", "Rows", "Why")
    known = {category for _, categories in SECTIONS for category in categories}
    rest = tuple(category for category in Category if category not in known)
    widgets = []
    for title, categories in (*SECTIONS, ("Other", rest)):
        mine = [one for one in findings if one.category in categories]
        ranked = sorted(mine, key=lambda one: GRAVEST.index(one.verdict))
        if ranked:
            widgets.append(_table(title, header, [_row(one) for one in ranked]))
    return widgets


def _row(one: Finding) -> tuple[str, ...]:
    about = one.attribute or one.column or ""
    names = " & ".join(about) if isinstance(about, tuple) else about
    groups = f" ({' / '.join(one.groups)})" if one.groups else ""
    low, high = one.interval or (None, None)
    return (
        plain(one.metric.replace("_", " ")),
        plain(names + groups) if about else "",
        WORDS[one.verdict],
        _number(one.value),
        _number(one.reference_value),
        _number(one.threshold),
        f"{_number(low)} to {_number(high)}" if one.interval else "",
        str(one.n) if one.n is not None else "",
        " ".join(plain(part) for part in _lines(one.reason)),
    )


def _lines(text: str) -> list[str]:
    """Cut a reason where :func:`plain` would shorten it."""
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 60:  # noqa: PLR2004 - under the length that plain() keeps
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    from evidently.legacy.renderers.html_widgets import ColumnDefinition, RichTableDataRow, rich_table_data

    columns = [ColumnDefinition(name, f"c{i}") for i, name in enumerate(header)]
    data = [RichTableDataRow({f"c{i}": cell for i, cell in enumerate(row)}) for row in rows]
    return rich_table_data(title=title, columns=columns, data=data, rows_per_page=10)
