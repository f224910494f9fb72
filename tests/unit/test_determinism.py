"""The same windows give the same bytes, whoever reads them."""

import json
from pathlib import Path

from repeating import printed

RUNS = 3


def test_fresh_processes_print_one_document(tmp_path: Path) -> None:
    """Window digests, findings, decision: byte by byte the same under every hash seed."""
    documents = printed(tmp_path, RUNS)
    assert len(documents) == 1
    document = json.loads(documents.pop())
    assert document["decision_digest"].startswith("sha256:")
    assert document["windows"]["current"]["digest"].startswith("sha256:")
    assert document["incident"] is not None
