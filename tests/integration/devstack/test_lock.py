"""The lock across threads, each with a file of its own, as processes have."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devstack.cache import locked

CALLERS, ROUNDS = 4, 40


def test_one_holder_at_a_time_though_the_file_is_removed_each_time(tmp_path: Path) -> None:
    holders: list[int] = []

    def hold(turn: int) -> int:
        with locked(tmp_path / "lock", while_waiting="waiting"):
            holders.append(turn)
            at_once = len(holders)
            holders.remove(turn)
            return at_once

    with ThreadPoolExecutor(CALLERS) as callers:
        assert set(callers.map(hold, range(ROUNDS))) == {1}

    assert not (tmp_path / "lock").exists()
