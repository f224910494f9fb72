"""`amends depends`: what a model is made of, and whom a change of it touches."""

import json
from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="The model's name.")]
Specs = Annotated[Path, typer.Option("--specs", envvar="AMENDS_SPECS", help="Folder of the model specs.")]
Registry = Annotated[
    str | None,
    typer.Option("--registry", envvar="MLFLOW_TRACKING_URI", help="MLflow; without it no version is shown."),
]
Lineage = Annotated[
    Path | None,
    typer.Option("--lineage", envvar="AMENDS_LINEAGE", help="OpenLineage events, as JSON lines."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def depends(
    model: Model,
    *,
    specs: Specs = Path("include/models"),
    registry: Registry = None,
    lineage: Lineage = None,
    as_json: AsJson = False,
) -> None:
    """Show what a model rests on and who rests on it: data, features, training, jobs, consumers.

    Example: amends depends lending --lineage openlineage.jsonl
    """
    from amends.adapters.files import load_specs
    from amends.adapters.mlflow_registry import MlflowRegistry
    from amends.adapters.openlineage import jobs_around
    from amends.domain.dependencies import dataset_of, dependencies_of

    known = load_specs(specs)
    if model not in known:
        raise typer.BadParameter(f"{model}: no such spec in {specs}; there is: {', '.join(known) or 'none'}.")
    spec = known[model]
    data, found = dataset_of(spec), MlflowRegistry(registry) if registry else None
    version = found.aliased(model) if found else None
    serving = found.version(model, version) if found and version else None
    drawn = dependencies_of(
        spec,
        known.values(),
        version=version,
        tags=serving.tags if serving else (),
        jobs=jobs_around(lineage, data) if lineage and data else None,
    )
    if as_json:
        print(json.dumps(drawn.document(), sort_keys=True))
        return
    for name, value in drawn.document().items():
        words = ", ".join(map(str, value)) if isinstance(value, list) else value
        print(f"{name.replace('_', ' '):15} {words or '-'}")
