"""A key's rate: a minute's worth may come at once, then evenly, over all workers together."""

from pathlib import Path
from threading import Thread

from profile_service.api.rates import Rates


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_rate_may_come_at_once_and_then_evenly(tmp_path: Path) -> None:
    clock = Clock()
    rates = Rates(tmp_path / "rates", clock)
    assert [rates.take("till", 3).remaining for _ in range(3)] == [2, 1, 0]
    refused = rates.take("till", 3)
    assert (refused.remaining, refused.retry_after, refused.reset) == (0, 20, 60)
    clock.now += 20
    assert rates.take("till", 3).retry_after == 0
    assert rates.take("till", 3).retry_after == 20
    clock.now += 3600
    assert rates.take("till", 3).remaining == 2


def test_one_key_does_not_use_up_anothers_rate(tmp_path: Path) -> None:
    rates = Rates(tmp_path / "rates", Clock())
    for number in range(200):
        assert rates.take(f"key {number}", 1).retry_after == 0
        assert rates.take(f"key {number}", 1).retry_after == 60


def test_workers_count_together(tmp_path: Path) -> None:
    clock = Clock()
    one, other = Rates(tmp_path / "rates", clock), Rates(tmp_path / "rates", clock)
    assert one.take("till", 2).retry_after == 0
    assert other.take("till", 2).retry_after == 0
    assert one.take("till", 2).retry_after > 0
    assert other.take("till", 2).retry_after > 0


def test_threads_count_together(tmp_path: Path) -> None:
    rates = Rates(tmp_path / "rates", Clock())
    admitted: list[bool] = []

    def send() -> None:
        admitted.extend(rates.take("till", 100).retry_after == 0 for _ in range(50))

    threads = [Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == 100


def test_a_clock_that_was_set_back_shuts_nobody_out(tmp_path: Path) -> None:
    clock = Clock()
    rates = Rates(tmp_path / "rates", clock)
    rates.take("till", 1)
    clock.now -= 86_400
    assert rates.take("till", 1).retry_after == 0


def test_workers_that_take_some_at_once_never_admit_more_than_the_limit(tmp_path: Path) -> None:
    clock = Clock()
    workers = [Rates(tmp_path / "rates", clock) for _ in range(3)]
    admitted = 0
    for turn in range(9_000):
        clock.now += 0.0001
        admitted += workers[turn % 3].take("till", 6_000).retry_after == 0
    # .9 seconds have passed: a minute's rate at once, and 90 that became free meanwhile
    assert 6_000 <= admitted <= 6_090


def test_what_a_worker_has_taken_and_not_used_is_given_back(tmp_path: Path) -> None:
    clock = Clock()
    one, other = Rates(tmp_path / "rates", clock), Rates(tmp_path / "rates", clock)
    assert one.take("till", 60_000).remaining == 59_999
    clock.now += 60
    assert one.take("till", 60_000).remaining == 59_999
    # of the hundred that the first has taken one is used
    assert other.take("till", 60_000).remaining == 60_000 - 100 - 1
    clock.now += 0.6
    assert one.take("till", 60_000).remaining == 59_999, "all is there again"


def test_a_limit_that_was_changed_binds_at_once(tmp_path: Path) -> None:
    rates = Rates(tmp_path / "rates", Clock())
    rates.take("till", 60_000)
    assert rates.take("till", 60).remaining == 58
