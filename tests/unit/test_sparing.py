"""Imports that are put off, left out, or made quicker change nothing else."""

import gc
import subprocess
import sys

import pytest
from amends.cli.sparing import SLOTS, lacking, roomy, unsearched, without

PUT_OFF = """
import sys
from importlib.util import _LazyModule
from amends.cli.sparing import put_off
put_off()
import numpy.testing
print(type(sys.modules["numpy.testing"]) is _LazyModule)
numpy.testing.assert_equal(1, 1)
print(type(sys.modules["numpy.testing"]) is _LazyModule)
"""
JUDGED = """
import sys
import pyarrow as pa
from amends.adapters.fairlearn_metrics import rates
from amends.adapters.expectations import broken
from amends.cli import loading
loading._import(loading.CHECK)
print({*loading.CHECK} <= {*sys.modules})
table = {"value": [1.0, 5.0], "evidence": [1.0, 1.0], "low": [0.0, 0.0], "high": [2.0, 2.0]}
print(broken(table))
counts = {"sex": ["f", "f", "m"], "label": [0, 1, 1], "predicted_label": [1, 0, 1], "count": [30, 10, 20]}
print(rates(pa.table(counts), ["sex"])["selection_rate"].to_pylist())
spared = {"marshmallow.validate", "sqlalchemy", "scipy.stats", "sklearn.metrics", "urllib3"}
print(sorted(spared & {*sys.modules}))
import scipy
print(scipy.stats.norm.cdf(0))
import marshmallow.validate, pandas, scipy.stats, sklearn.metrics, sqlalchemy, urllib3
print(marshmallow.validate.Email()("a@b.org"), callable(pandas.read_csv))
from fairlearn.metrics._generated_metrics import skm
print(skm.accuracy_score([1, 0], [1, 1]), skm is sklearn.metrics, scipy.stats.norm.cdf(0))
"""
COMPILED = """
import sys
from amends.cli.sparing import compiled
with compiled("scipy.special", "_ufuncs"):
    from scipy.special import chdtrc, ndtri
    spared = "scipy._lib._array_api" not in sys.modules
import scipy.special
print(spared, scipy.special.softmax([0, 0]), ndtri(0.5), chdtrc(1, 0), scipy.special.ndtri(0.5))
with compiled("scipy.special", "_ufuncs"), compiled("scipy.ndimage", "no_such_part"):
    import scipy.special as again, scipy.ndimage
print(again is scipy.special, scipy.ndimage.shift([1.0, 2.0], 1))
"""


def run(program: str) -> list[str]:
    """What a program prints, in a process of its own."""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return told.stdout.splitlines()


def test_what_is_put_off_is_there_when_it_is_used() -> None:
    """A module of the list is empty after its import, and whole at the first use."""
    assert run(PUT_OFF) == ["True", "False"]


def test_the_vendors_judge_without_what_they_can_spare() -> None:
    """They answer rightly; what was left out can be imported afterwards, and its stand-ins call it."""
    assert run(JUDGED) == [
        "True", "({1}, set())", "[0.75, 1.0]", "[]", "0.5", "a@b.org True", "0.5 False 0.5"
    ]  # fmt: skip


def test_a_package_is_its_compiled_functions_for_a_while_only() -> None:
    """What is taken meanwhile is real; afterwards the package is whole, as is one that is built otherwise."""
    assert run(COMPILED) == ["True [0.5 0.5] 0.0 1.0 0.0", "True [0. 1.]"]


def test_a_package_is_left_out_for_a_while_only() -> None:
    """Inside it cannot be imported, afterwards it can; one that is loaded already stays."""
    sys.modules.pop("colorsys", None)
    with without("colorsys", "os"):
        with pytest.raises(ImportError):
            import colorsys
        import os

        assert os is sys.modules["os"]
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_a_module_lacks_a_part_for_a_while_only() -> None:
    """Inside it has no such name, afterwards it has what it had, also where something fails."""
    import colorsys

    had = dict(vars(colorsys))
    with lacking("colorsys", "rgb_"):
        assert colorsys.hsv_to_rgb(0, 0, 0.5) == (0.5, 0.5, 0.5)
        assert not hasattr(colorsys, "rgb_to_hsv")
    with pytest.raises(ImportError), lacking("colorsys", "rgb_"):
        import no_such_module_at_all  # noqa: F401
    assert vars(colorsys) == had


def test_garbage_is_searched_for_again_after_the_imports() -> None:
    """Also where one of them fails."""
    with pytest.raises(ImportError), unsearched():
        import no_such_module_at_all  # noqa: F401
    assert gc.isenabled()
    gc.unfreeze()


def test_a_roomy_function_does_what_it_did() -> None:
    """Arguments, defaults and results are as they were; only its frame asks for more."""

    @roomy
    def added(a: int, *, b: int = 2) -> int:
        return a + b

    assert (added(1), added(1, b=5)) == (3, 6)
    assert added.__code__.co_stacksize == SLOTS
