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

    def tell(**facts: object) -> None:
        with capsys.disabled():
            print(json.dumps({**facts, "seconds": round(time.monotonic() - begun)}))

    tell(frames_by_the_library=fuzzed, **fuzz(fuzzed), failures=0, upper_95_bound=round(3 / fuzzed, 5))
    tell(frames_by_the_vendors_too=fuzzed // VENDORS, **fuzz(fuzzed // VENDORS, vendors=True), failures=0)
    codes = fuzz_files(fuzzed // FILES, tmp_path_factory.mktemp("fuzz"), capsys.readouterr)
    told = {f"exit_{code}": n for code, n in sorted(codes.items())}
    tell(frames_by_the_command=fuzzed // FILES, **told, failures=0)
    assert set(codes) <= {0, 1, 2}
