"""Frames that hypothesis makes up, by the hundred: each is judged in strict JSON or refused in one line.

``make bench`` asks the same of thousands (tests/benchmarks/bench_fuzz.py).
"""

import pytest
from fuzzing import fuzz, fuzz_files

FRAMES, BY_VENDORS, FILES = 240, 25, 25


def test_fuzzed_frames_are_judged_or_refused() -> None:
    """No traceback, no NaN, no verdict without a value, and the same document from the digest's own JSON."""
    told = fuzz(FRAMES)
    assert told["judged"] > FRAMES // 4
    assert told["refused"] > 0


def test_vendors_judge_fuzzed_frames_as_the_plain_ports_do() -> None:
    """Great Expectations and Fairlearn in place of our own few lines: the same verdicts."""
    assert fuzz(BY_VENDORS, vendors=True)["judged"] > BY_VENDORS // 4


@pytest.mark.usefixtures("vendors")
def test_fuzzed_files_end_with_a_document_or_a_line(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same through Parquet and the command: exit code 0 or 1 with a document, 2 with a line, never 3."""
    codes = fuzz_files(FILES, tmp_path_factory.mktemp("fuzz"), capsys.readouterr)
    assert set(codes) <= {0, 1, 2}
