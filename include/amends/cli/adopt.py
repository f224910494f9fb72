"""`amends adopt`: the first champion of a model, put on record by a person."""

from pathlib import Path
from typing import Annotated

import typer

from amends.cli.database import Dsn, ledger_of

Spec = Annotated[Path, typer.Option("--spec", help="The model's spec (YAML).")]
Version = Annotated[str, typer.Option("--version", help="Number of the version in MLflow's registry.")]
Person = Annotated[str, typer.Option("--by", help="Who puts it on record; the name stands in the ledger.")]
Registry = Annotated[
    str,
    typer.Option("--registry", envvar="MLFLOW_TRACKING_URI", help="MLflow's address.", show_default=False),
]


def adopt(spec: Spec, version: Version, by: Person, registry: Registry, *, dsn: Dsn = None) -> None:
    """Put a registered version on record as the model's first champion; exit code 1 where there is one.

    The version has to carry its content digest, as every version registered through Amends does, and to load.

    Example: amends adopt --spec include/models/churn.yaml --version 1 --by ada
    """
    from amends.adapters.files import load_spec
    from amends.adapters.mlflow_registry import MlflowRegistry
    from amends.workflow.adopt import adopt as put_on_record

    model = load_spec(spec).name
    champion = put_on_record(ledger_of(dsn), MlflowRegistry(registry), model, version, by=by)
    print(f"{model}: version {champion.version} is champion, on record by {by}.")
