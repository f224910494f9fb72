"""The user's training function, found by the name that the spec gives."""

import importlib
from typing import TYPE_CHECKING, Any

from amends.domain.spec import ModelSpec
from amends.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


class FunctionTrainer:
    """``ports.Trainer`` that calls ``spec.training.function`` with (rows, spec)."""

    def train(self, spec: ModelSpec, rows: "pd.DataFrame") -> Any:
        """Fit on rows with features and label; what the function itself raises is passed on.

        :raises SpecError: the spec names no function, it is not there, or it returns nothing that can score.
        """
        function = _function(spec)
        estimator = function(rows, spec)
        wanted = "predict" if spec.task == "regression" else "predict_proba"
        if not hasattr(estimator, wanted):
            raise SpecError(
                f"model {spec.name!r}: training.function returned {type(estimator).__name__}, "
                f"which has no {wanted}. Return a fitted scikit-learn estimator."
            )
        return estimator


def _function(spec: ModelSpec) -> "Callable[[pd.DataFrame, ModelSpec], Any]":
    if spec.training is None:
        raise SpecError(
            f"model {spec.name!r} has no training section, so it cannot be retrained. Add training.function."
        )
    module, _, name = spec.training.function.partition(":")
    where = f"model {spec.name!r}: training.function {spec.training.function!r}"
    try:
        function = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise SpecError(
            f"{where} cannot be imported: {error}. Install its package, or correct the name."
        ) from error
    except AttributeError:
        raise SpecError(f"{where}: {module} has no {name!r}. Correct the name.") from None
    if not callable(function):
        raise SpecError(f"{where} is no function. Name one that takes (rows, spec).")
    found: Callable[[pd.DataFrame, ModelSpec], Any] = function
    return found
