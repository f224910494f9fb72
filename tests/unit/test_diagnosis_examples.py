"""Examples of a diagnosis name nobody."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from amends.workflow.diagnose import diagnose
from amends.workflow.examine import example_rows
from diagnosing import INCIDENT, ONSET, SPEC, about, good, incident
from remedy_story import WINDOW, healthy

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = ("ada@example.com", "4111111111111111", "rare-town", "987654.321", "note-of-one")


def test_examples_give_nobody_away() -> None:
    """No address in a column, rare level, single number, id, time, sex or text is shown."""
    columns = replace(SPEC.columns, categorical=("region", "contact"), text=("note",))
    spec = replace(SPEC, columns=columns)
    log = healthy()
    broken = (log["at"] >= ONSET) & (log.index % 2 == 0)
    log = log.assign(
        income=log["income"].where(log["at"] < ONSET, log["income"] * 1000),
        contact=np.where(log.index % 3 == 0, "ada@example.com", "none"), note="note-of-one",
    )  # fmt: skip
    first = log.index[broken][:3]
    log.loc[first[0], "income"] = 987654.321
    log.loc[first[1], "region"] = "rare-town"
    log.loc[first[2], "region"] = "4111111111111111"
    given = incident(log, good, findings=about("income", "region"), spec=spec)
    payload = diagnose(given, spec, INCIDENT)
    document = given.ledger.evidence(payload["evidence"])
    assert 0 < len(document["examples"]) <= 5
    for one in document["examples"]:
        assert set(one["features"]) <= {"income", "rent", "hours", "region"}
        assert one["rows_alike"] >= 11
    everything = f"{document}{payload}"
    assert not any(token in everything for token in TOKENS)
    ids = set(log["id"][log["at"] >= WINDOW.start])
    assert not any(str(value) in ids for one in document["examples"] for value in one["features"].values())


def test_each_example_stands_for_eleven_rows_alike() -> None:
    """Counted anew from the frame: at least 11 rows fit all that is shown."""
    rng = np.random.default_rng(5)
    frame = (
        healthy().head(400).assign(region=rng.choice(["north", "south", "east"], 400, p=[0.6, 0.38, 0.02]))
    )
    table = pa.Table.from_pandas(frame[list(SPEC.columns.all)], preserve_index=False)
    shown = example_rows(SPEC, table, np.arange(400), ["region"])
    assert len(shown) == 5
    for one in shown:
        fits = np.ones(400, bool)
        for name, said in one["features"].items():
            column = frame[name]
            words = said.split()
            if words[0] == "under":
                fits &= column < float(words[1])
            elif words[0] == "at":
                fits &= column >= float(words[2])
            elif words[0] == "from":
                fits &= (column >= float(words[1])) & (column < float(words[4]))
            else:
                fits &= column == said
        assert one["rows_alike"] == int(fits.sum()) >= 11
