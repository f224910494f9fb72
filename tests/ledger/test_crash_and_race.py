"""A promotion survives the death of its process at any point, and has one winner whoever races."""

import json
import random
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from amends.adapters.postgres import PostgresLedger
from amends.domain.events import EventKind
from crashing import KILLED, FileRegistry, move_to, promote_with_fuse, race

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["crashing", "psycopg"])

ONCE = {"promotion_intended": 1, "champion_moved": 1, "promotion_completed": 1}
MOST_POINTS = 60


def run(target: Callable[..., Any], *args: Any) -> int | None:
    """Run in another process to its end; return its exit code."""
    process = CONTEXT.Process(target=target, args=args)
    process.start()
    process.join(60)
    return process.exitcode


def check_promoted_once(dsn: str, folder: Path, model: str) -> None:
    """Check that record, alias and outbox tell of one promotion."""
    ledger = PostgresLedger(dsn)
    assert Counter(str(event.kind) for event in ledger.events(model=model)) == ONCE
    champion = ledger.champion(model)
    assert champion is not None
    assert (champion.version, champion.epoch) == ("1", 1)
    assert FileRegistry(folder).aliased(model) == "1"
    assert len(ledger.pending("champion_moved", model)) == 1


def test_a_promotion_killed_at_any_point_is_finished_by_its_retry(pg_dsn: str, tmp_path: Path) -> None:
    """Killed at each point in turn and then tried again: one promotion, one record, one announcement."""
    points = promote_with_fuse(pg_dsn, tmp_path, move_to("whole", "1", 0, "whole"), None)
    assert 25 <= len(points) <= MOST_POINTS
    assert {"before commit", "after commit", "before point_champion", "after point_champion"} <= set(points)
    for number, name in enumerate(points):
        model = f"killed_{number}"
        move = move_to(model, "1", 0, model)
        assert run(promote_with_fuse, pg_dsn, tmp_path, move, number) == KILLED, name
        assert run(promote_with_fuse, pg_dsn, tmp_path, move, None) == 0, name
        check_promoted_once(pg_dsn, tmp_path, model)


def test_a_promotion_killed_again_and_again_is_made_once(pg_dsn: str, tmp_path: Path) -> None:
    """Twenty promotions, each killed at three random points in a row: each is made exactly once."""
    chance = random.Random(20260301)  # noqa: S311  which points, not a secret
    for number in range(20):
        model = f"hunted_{number}"
        move = move_to(model, "1", 0, model)
        for _ in range(3):
            assert run(promote_with_fuse, pg_dsn, tmp_path, move, chance.randrange(30)) in {KILLED, 0}
        assert run(promote_with_fuse, pg_dsn, tmp_path, move, None) == 0
        check_promoted_once(pg_dsn, tmp_path, model)


@pytest.mark.parametrize(("runners", "rounds"), [(4, 25)])
def test_each_epoch_has_one_winner(pg_dsn: str, tmp_path: Path, runners: int, rounds: int) -> None:
    """Processes that promote different versions on the same epoch at once: one wins, the alias is its."""
    start = CONTEXT.Barrier(runners, timeout=60)
    processes = [
        CONTEXT.Process(
            target=race, args=(pg_dsn, tmp_path, f"r{number}"), kwargs={"rounds": rounds, "start": start}
        )
        for number in range(runners)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * runners
    wins = [epoch for file in tmp_path.glob("won-*.json") for epoch in json.loads(file.read_text())]
    assert sorted(wins) == list(range(rounds))
    ledger = PostgresLedger(pg_dsn)
    moves = ledger.events(model="raced", kinds=[EventKind.CHAMPION_MOVED])
    assert [event.payload["epoch"] for event in moves] == list(range(1, rounds + 1))
    assert FileRegistry(tmp_path).aliased("raced") == moves[-1].payload["version"]
    assert ledger.verify().intact
