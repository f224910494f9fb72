"""Thousands of made-up frames through `check`: no traceback, no NaN, no verdict without a value.

``make bench ARGS="-k fuzz --frames 10000"`` asks for more.
"""

import json
import time

import pytest
from fuzzing import fuzz, fuzz_files

VENDORS, FILES = 10, 10
"""For so many frames one more is judged by Great Expectations and Fairlearn, and one by the command."""


def test_fuzzed_frames(
    fuzzed: int, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """The counts are printed, and the upper 95 % bound of the share that fails where none did."""
    begun = time.monotonic()
    plain, vendors = fuzz(fuzzed), fuzz(fuzzed // VENDORS, vendors=True)
    codes = fuzz_files(fuzzed // FILES, tmp_path_factory.mktemp("fuzz"), capsys.readouterr)
    total = fuzzed + fuzzed // VENDORS + fuzzed // FILES
    told = {
        "frames": total,
        "by_the_library": dict(plain),
        "by_the_vendors_too": dict(vendors),
        "by_the_command": {f"exit_{code}": n for code, n in sorted(codes.items())},
        "failures": 0,
        "upper_95_bound": round(3 / total, 5),
        "seconds": round(time.monotonic() - begun),
    }
    with capsys.disabled():
        print("\n" + json.dumps(told, indent=1))
    assert set(codes) <= {0, 1, 2}
