"""What is frozen before anything is altered, and that it stays as it was."""

from dataclasses import replace
from typing import Any

import pytest
from amends.domain.canonical import digest_of
from amends.domain.events import EventKind
from amends.errors import Unavailable
from amends.ports import Services
from amends.workflow import freeze, respond
from answering import LOG, SPEC, opened, services
from fake_source import FakeSource

__all__ = ["services"]  # a fixture by name


def frozen(services: Services, incident: str) -> dict[str, Any]:
    """The frozen document."""
    return services.ledger.evidence(freeze.freeze(services, SPEC, incident))


def test_the_whole_state_of_the_world_is_written_down(services: Services) -> None:
    """Versions with their digests, the alias map, policy, spec, code, packages and the rows' digest."""
    document = frozen(services, opened(services))
    assert [one["version"] for one in document["versions"]] == ["2", "1"]
    assert document["alias"] == document["champion"]["version"] == "2"
    assert document["policy"]["digest"] == services.policy.digest
    assert digest_of(document["spec"]["document"]) == document["spec"]["digest"] == SPEC.digest
    assert document["code"]["digest"].startswith("sha256:")
    installed = services.ledger.evidence(document["packages"])["installed"]
    assert any(one.startswith("pyarrow==") for one in installed)
    assert document["rows"]["kept"] == len(LOG)


def test_rows_are_kept_as_they_were(services: Services) -> None:
    """A log that changes afterwards, or is gone, changes nothing of what was kept."""
    incident = opened(services)
    first = freeze.freeze(services, SPEC, incident)
    changed = replace(services, source=FakeSource(LOG.assign(**{SPEC.columns.score: 0.9})))
    assert freeze.freeze(changed, SPEC, incident) == first
    kept = [row for batch in services.ledger.kept_rows(incident) for row in batch.to_pylist()]
    assert [row[SPEC.columns.score] for row in kept] == [0.5] * len(LOG)
    span = freeze.FrozenRows(services.ledger, incident).span(SPEC)
    assert span is not None
    assert span[0].isoformat() == "2026-02-20T00:00:00+00:00"


def test_free_text_is_not_kept(services: Services) -> None:
    """A column of texts stays as a column of nulls: nobody needs the words to score again."""
    columns = replace(SPEC.columns, text=("note",))
    spec = replace(SPEC, columns=columns)
    rows = LOG.assign(note="mail me at ada@example.com")
    incident = opened(services)
    freeze.freeze(replace(services, source=FakeSource(rows)), spec, incident)
    kept = [row for batch in services.ledger.kept_rows(incident) for row in batch.to_pylist()]
    assert [row["note"] for row in kept] == [None] * len(LOG)


def test_a_log_that_is_away_freezes_nothing(services: Services) -> None:
    """The task tries again; no half evidence stands in the ledger."""

    class Away(FakeSource):
        def batches(self, *_: Any) -> Any:
            raise Unavailable("PostgreSQL does not answer. Start it.")

    incident = opened(services)
    with pytest.raises(Unavailable):
        freeze.freeze(replace(services, source=Away(LOG)), SPEC, incident)
    assert not services.ledger.events(incident=incident, kinds=[EventKind.EVIDENCE_FROZEN])
    assert frozen(services, incident)["rows"]["kept"] == len(LOG)


def test_an_incident_without_a_window_keeps_no_rows(services: Services) -> None:
    """A request by hand has no window: the rest of the world is frozen all the same."""
    incident = respond.resolve(
        services, SPEC, incident=None, request="run-1", reason="please look", actor="ada",
        day=LOG[SPEC.columns.timestamp][0],
    )  # fmt: skip
    assert frozen(services, incident)["rows"] is None
