"""Names of the events between the DAGs."""

from airflow.sdk import Asset, AssetWatcher

from amends.orchestration.triggers import PgOutboxTrigger


def assessed(model: str) -> Asset:
    """A monitor finished a round of a model's windows."""
    return Asset(f"amends/{model}/assessed")


def outbox(topic: str, model: str | None = None) -> Asset:
    """Something waits in the outbox under a topic: a bell, not the message."""
    name = f"amends/{model}/{topic}" if model else f"amends/{topic}"
    watcher = AssetWatcher(name=name.replace("/", "_"), trigger=PgOutboxTrigger(topic, model))
    return Asset(name, watchers=[watcher])
