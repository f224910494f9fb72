"""The demo's shop: it trains and releases the story's two versions, and serves applications with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amends.demo import lending, serving, training
from amends.demo.lending import Period
from amends.domain.promotion import ModelVersion, Move
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.ports import Ledger, ModelRegistry
from amends.stack import Running
from amends.workflow.adopt import adopt
from amends.workflow.promote import promote

if TYPE_CHECKING:
    import pandas as pd

MODEL = "lending"


def prepare_log(running: Running) -> None:
    """Make the demo's table of predictions where its spec is watched, so that its monitor finds it empty."""
    from amends.adapters.files import load_spec

    path = Path(running.env["AMENDS_SPECS"]) / f"{MODEL}.yaml"
    if path.is_file():
        serving.create_log(running.owner_dsn, load_spec(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A lender with a table of predictions, a model registry and the ledger of a running stack."""

    spec: ModelSpec
    ledger: Ledger
    registry: ModelRegistry
    owner_dsn: str

    @classmethod
    def open(cls, running: Running) -> "Shop":
        """Open the shop on a running stack; its table of predictions is made where it is missing."""
        from amends.adapters.files import load_spec
        from amends.adapters.mlflow_registry import MlflowRegistry
        from amends.adapters.postgres import PostgresLedger

        spec = load_spec(Path(running.env["AMENDS_SPECS"]) / f"{MODEL}.yaml")
        serving.create_log(running.owner_dsn, spec)
        return cls(
            spec=spec,
            ledger=PostgresLedger(running.dsn),
            registry=MlflowRegistry(running.mlflow_uri),
            owner_dsn=running.owner_dsn,
        )

    def release_first(self) -> ModelVersion:
        """Train version 1 on repayments, make it champion, and log the reference span as it decided it."""
        rows = lending.applications(lending.HISTORY)
        version = self._register(training.train(rows, self.spec), rows, key="demo:repayments")
        adopt(self.ledger, self.registry, self.spec.name, version.version, by="risk-ml")
        self._serve(lending.REFERENCE, announced=False)
        return version

    def release_second(self) -> ModelVersion:
        """Train version 2 on past officers' decisions, and make it champion: the release that goes wrong."""
        rows = lending.applications(lending.HISTORY)
        version = self._register(training.train_on_officers(rows, self.spec), rows, key="demo:officers")
        champion = self.ledger.champion(self.spec.name)
        move = Move(
            key="release:demo:officers",
            model=self.spec.name,
            version=version.version,
            digest=version.digest,
            seen_epoch=champion.epoch if champion else 0,
            reason="bootstrap",
            actor="release-pipeline",
        )
        promote(self.ledger, self.registry, move)
        return version

    def serve(self, period: Period) -> str:
        """Decide a period's applications with the champion; return the key of the announced window."""
        return self._serve(period, announced=True)

    def _serve(self, period: Period, *, announced: bool) -> str:
        answered = serving.answer(self.ledger, self.registry, self.spec, lending.applications(period))
        window = Window(self.spec.name, period.start, period.end)
        serving.log_batch(
            self.owner_dsn, self.spec, window, answered.log, shadow=answered.shadow, announced=announced
        )
        return window.key

    def _register(self, estimator: Any, rows: "pd.DataFrame", *, key: str) -> ModelVersion:
        return self.registry.register(
            self.spec.name, estimator, key=key, tags={}, example=rows.head(100), metrics={}
        )
