"""Twenty runs in fresh processes with differing hash seeds: one document, one digest."""

import json
from pathlib import Path

from repeating import printed

RUNS = 20


def test_twenty_runs_one_digest(tmp_path: Path) -> None:
    """The digests are printed, and how many different documents there were."""
    documents = printed(tmp_path, RUNS)
    one = json.loads(next(iter(documents)))
    told = {
        "runs": RUNS,
        "different_documents": len(documents),
        "window_digest": one["windows"]["current"]["digest"],
        "decision_digest": one["decision_digest"],
    }
    print("\n" + json.dumps(told, indent=1))
    assert len(documents) == 1
