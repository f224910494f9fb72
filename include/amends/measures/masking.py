"""What a model is given in place of an input that it may not see."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.errors import DataError
from amends.measures.arrow import as_floats, as_texts


@dataclass(frozen=True, slots=True)
class Fill:
    """One way to fill a masked input: ``missing``, ``centre`` (a constant), ``guessed`` (by an estimator)."""

    kind: str
    value: float | str | None = None
    guess: Any = None


def centre_of(column: pa.ChunkedArray, name: str, *, numeric: bool) -> float | str:
    """Median of a numeric column, commonest level of another (of equally common ones the first by name).

    The constant that changes a model's mean absolute input, or its share of other levels, least.

    :raises DataError: the column has no value at all.
    """
    if numeric:
        values, _ = as_floats(column)
        known = values[np.isfinite(values)]
        if len(known):
            return float(np.median(known))
    else:
        texts = as_texts(column).drop_null()
        if len(texts):
            counts = pc.value_counts(texts).to_pylist()
            return str(min(counts, key=lambda one: (-one["counts"], one["values"]))["values"])
    raise DataError(f"column {name!r} has no value in the reference. Choose another reference window.")
