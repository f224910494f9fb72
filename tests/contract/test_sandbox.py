"""A suspect version scores where it reaches nothing, and scores there what it scores elsewhere."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.adapters.artefacts import write_artefact
from amends.adapters.sandbox import Bounds, score_apart
from amends.errors import ArtefactError
from mlflow_store import quiet

pytestmark = list(quiet)
SOURCE = str(Path(__file__).parents[2] / "include")
PLACE = {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCE}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, pd.DataFrame, Any]:
    """A stored model with its digest, rows to score, and their scores by scikit-learn itself."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    draw = np.random.default_rng(1)
    rows = pd.DataFrame({"a": draw.normal(size=400), "b": draw.normal(size=400)})
    model = HistGradientBoostingClassifier(max_iter=20).fit(rows, rows["a"] + rows["b"] > 0)
    folder = tmp_path_factory.mktemp("artefact") / "model"
    return folder, write_artefact(model, rows, folder), rows, model.predict_proba(rows)[:, 1]


def test_scores_are_those_of_the_model_itself(stored: Any) -> None:
    """What comes out of the sandbox is what scikit-learn gives, in the rows' order and under their index."""
    folder, digest, rows, expected = stored
    shuffled = rows.sample(frac=1, random_state=2)
    scores = score_apart(folder, digest, shuffled)
    assert scores.index.equals(shuffled.index)
    assert np.allclose(scores.sort_index(), expected, atol=1e-12)


def test_a_model_of_several_classes_answers_with_class_and_share(tmp_path: Path) -> None:
    """Stored, loaded in the sandbox, it gives each row's likeliest class and that one's probability."""
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(1)
    rows = pd.DataFrame({"a": draw.normal(size=300)})
    model = LogisticRegression().fit(rows, np.array(["x", "y", "z"])[np.digitize(rows["a"], [-0.5, 0.5])])
    digest = write_artefact(model, rows, tmp_path / "model")
    answer = score_apart(tmp_path / "model", digest, rows.sample(frac=1, random_state=2)).sort_index()
    assert list(answer["decision"]) == list(model.predict(rows))
    assert np.allclose(answer["score"], model.predict_proba(rows).max(axis=1), atol=1e-12)


def test_an_altered_artefact_is_refused_inside(stored: Any, tmp_path: Path) -> None:
    """One byte more: the child says so and scores nothing."""
    folder, digest, rows, _ = stored
    copy = tmp_path / "model"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes() + (b" " if path.name == "MLmodel" else b""))
    with pytest.raises(ArtefactError, match="does not fit its digest"):
        score_apart(copy, digest, rows)


def test_time_and_memory_are_bounded(stored: Any) -> None:
    """A child that takes too long is ended; one that takes too much breaks off; both say what was allowed."""
    folder, digest, rows, _ = stored
    with pytest.raises(ArtefactError, match=r"within 0.2 s"):
        score_apart(folder, digest, rows, Bounds(seconds=0.2))
    with pytest.raises(ArtefactError, match="60 MB"):
        score_apart(folder, digest, rows, Bounds(megabytes=60))


TRIES = {
    "connect": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "listen": "import socket; socket.socket().bind(('127.0.0.1', 0))",
    "resolve": "import socket; socket.getaddrinfo('example.com', 80)",
    "run": "import subprocess; subprocess.run(['true'])",
    "shell": "import os; os.system('true')",
    "fork": "import os; os.fork()",
    "write": "open('/tmp/amends-escaped', 'w')",
    "append": "open('../amends-escaped', 'a')",
    "low": "import os; os.open('/tmp/amends-escaped', os.O_CREAT | os.O_WRONLY)",
    "delete": "import os; os.remove(os.__file__)",
    "rename": "import os; os.rename('inside', '/tmp/amends-escaped')",
    "through a link": "open('link', 'w')",
}


@pytest.mark.parametrize("attempt", TRIES)
def test_the_doors_are_shut(attempt: str, tmp_path: Path) -> None:
    """Sockets, processes and changes outside the scratch folder are refused, each with what was tried."""
    (tmp_path / "inside").write_text("x")
    (tmp_path / "link").symlink_to("/tmp/amends-escaped")
    code = f"""
        import sys
        from pathlib import Path
        from amends.adapters.sandbox_child import doors
        sys.addaudithook(doors(Path.cwd()))
        open("allowed", "w").write("x")
        {TRIES[attempt]}
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        env=PLACE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
    assert (tmp_path / "allowed").exists()
    assert not Path("/tmp/amends-escaped").exists()


def test_the_child_has_no_network_interface(tmp_path: Path) -> None:
    """Where the kernel lets a process leave the network, not even the loopback can be reached."""
    code = """
        import socket, sys
        from amends.adapters.sandbox_child import leave_the_network
        left = leave_the_network()
        try:
            socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
        except OSError:
            print("unreachable", left)
        else:
            print("reached", left)
    """
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), str(server.getsockname()[1])],
            cwd=tmp_path, env=PLACE, capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert done.stdout.split() in (["unreachable", "True"], ["reached", "False"])


def test_no_secret_of_the_parent_reaches_the_child(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's environment holds where programs are, and nothing else of ours."""
    from amends.adapters import sandbox

    monkeypatch.setenv("AIRFLOW_CONN_AMENDS_DB", "postgresql://secret")
    seen = sandbox._environment(stored[0])
    assert set(seen) == {
        "PATH", "PYTHONPATH", "HOME", "TMPDIR", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    }  # fmt: skip
