"""The dependency map: what a model rests on, and whom a change of it reaches."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from amends import cli
from amends.adapters.openlineage import jobs_around
from amends.domain.dependencies import Jobs, dependencies_of
from amends.domain.spec import spec_from_document
from amends.errors import DataError
from samples import FULL


def spec(name: str, **changes: Any) -> Any:
    """A spec of that name."""
    return spec_from_document({**FULL, "name": name, **changes}, f"{name}.yaml")


OTHER = {"source": {"kind": "parquet", "path": "x/*.parquet"}, "training": {"function": "other.place:train"}}
MODEL = spec("lending", consumers=["branch-desk", "pricing"])


def event(job: str, inputs: list[str], outputs: list[str]) -> str:
    """An OpenLineage event, as Airflow's provider writes it."""
    sets = {"inputs": inputs, "outputs": outputs}
    named = {
        side: [{"namespace": "postgres://db:5432", "name": one} for one in names]
        for side, names in sets.items()
    }
    return json.dumps({"eventType": "COMPLETE", "job": {"namespace": "prod", "name": job}, **named})


def test_models_beside_it_share_its_log_or_its_training() -> None:
    """One reads the same table, one is trained by the same function; a third is a stranger."""
    same_log = spec("renewal", training=OTHER["training"])
    same_training = spec("upsell", source=OTHER["source"])
    stranger = spec("churn", **OTHER)
    drawn = dependencies_of(MODEL, [MODEL, stranger, same_training, same_log])
    assert drawn.siblings == ("renewal", "upsell")
    assert drawn.touched == ("branch-desk", "pricing", "model renewal", "model upsell")


def test_the_serving_versions_lineage_is_shown() -> None:
    """Of a version's tags those of ours are lineage."""
    drawn = dependencies_of(
        MODEL,
        [MODEL],
        version="3",
        tags=[("amends.parent", "2"), ("mlflow.note", "x")],
        jobs=Jobs(readers=("a/b",)),
    )
    assert (drawn.version, dict(drawn.lineage), drawn.downstream) == ("3", {"parent": "2"}, ("a/b",))


def test_jobs_are_read_from_lineage_events(tmp_path: Path) -> None:
    """Writers and readers of the log, whatever database stands before its name, once each."""
    path = tmp_path / "lineage.jsonl"
    events = [
        event("score", [], ["amends.public.log"]), event("score", [], ["amends.public.log"]),
        event("bill", ["public.log"], ["public.bills"]), event("else", ["public.catalog"], ["public.prolog"]),
    ]  # fmt: skip
    path.write_text("\n".join([*events, ""]))
    assert jobs_around(path, "public.log") == Jobs(writers=("prod/score",), readers=("prod/bill",))


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_file_that_holds_no_events_is_refused(tmp_path: Path, text: str) -> None:
    """The line is named."""
    path = tmp_path / "lineage.jsonl"
    path.write_text(event("score", [], []) + "\n" + text)
    with pytest.raises(DataError, match="line 2 is no OpenLineage event"):
        jobs_around(path, "public.log")


def test_the_command_prints_the_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`amends depends` shows it, as words and as JSON; an unknown model is named with those there are."""
    (tmp_path / "lending.yaml").write_text(yaml.safe_dump({**FULL, "name": "lending", "consumers": ["desk"]}))
    assert cli.run(["depends", "lending", "--specs", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["data"], document["touched"]) == ("public.log", ["desk"])
    assert cli.run(["depends", "lending", "--specs", str(tmp_path)]) == 0
    assert "consumers       desk" in capsys.readouterr().out
    assert cli.run(["depends", "loan", "--specs", str(tmp_path)]) == 2
    assert "there is: lending" in capsys.readouterr().err
