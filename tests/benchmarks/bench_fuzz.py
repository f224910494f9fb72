"""Thousands of made-up frames through `check`: no traceback, no NaN, no verdict without a value.

``make bench ARGS="-k fuzz --frames 10000"`` asks for more.
"""

import json

import pytest
from fuzzing import fuzz, fuzz_files

SERIES = 10
VENDORS, FILES = 10, 10
"""For so many frames one more is judged by Great Expectations and Fairlearn, and one by the command."""


@pytest.mark.parametrize("number", range(1, SERIES + 1))
def test_fuzzed_frames(
    number: int,
    fuzzed: int,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each series has frames of its own; the counts are printed, and none failed where it passes."""
    frames = fuzzed // SERIES
    plain = fuzz(frames, number=number)
    vendors = fuzz(frames // VENDORS, number=50 + number, vendors=True)
    folder = tmp_path_factory.mktemp("fuzz")
    codes = fuzz_files(frames // FILES, folder, capsys.readouterr, number=100 + number)
    told = {
        "series": number, "frames": frames, "by_the_library": dict(plain), "by_the_vendors": dict(vendors),
        "by_the_command": {f"exit_{code}": n for code, n in sorted(codes.items())},
    }  # fmt: skip
    with capsys.disabled():
        print("\n" + json.dumps(told))
    assert set(codes) <= {0, 1, 2}
