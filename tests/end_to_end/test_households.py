"""Households of the sample: right by its truth, the same again, refreshed as whole, and forgotten with the person."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.end_to_end import worlds
from tests.end_to_end.test_erase import Forgetting


@pytest.fixture
def standing(sample: Path, tmp_path: Path) -> Path:
    """A copy of the data directory in which the sample stands, to write to."""
    data_dir = tmp_path / "data"
    shutil.copytree(sample, data_dir, symlinks=True)
    return data_dir


def test_the_samples_households_are_people_who_live_together(sample: Path) -> None:
    ended = worlds.profiles(
        "evaluate",
        "--truth", worlds.SAMPLE / "truth.csv",
        "--households", worlds.SAMPLE / "households.csv",
        "--json",
        data_dir=sample,
    )  # fmt: skip
    assert ended.status == 0, ended.err
    measured = ended.json()["households"]
    assert measured["precision"] > 0.9
    assert measured["recall"] > 0.35  # of all who live together; half of them share nothing in what channels know


def test_a_landing_added_leaves_the_households_of_everyone_at_once(
    after_first: Path, halves: tuple[Path, Path], tmp_path: Path
) -> None:
    added = tmp_path / "added"
    shutil.copytree(after_first, added, symlinks=True)
    worlds.run(halves[1], added, "--accept")
    told = worlds.households(added)
    assert told
    worlds.run(halves[1], added, "--rebuild", "--accept")
    assert worlds.households(added) == told


def test_a_household_forgets_who_is_erased(standing: Path) -> None:
    with worlds.published(standing) as warehouse:
        ((erased, other, key),) = warehouse.execute(
            """SELECT a.customer_id, b.customer_id, r.channel || ':' || r.source_record_id
            FROM customer_households a JOIN customer_households b USING (household_id)
            JOIN customer_records r ON r.customer_id = a.customer_id
            WHERE a.customer_id < b.customer_id AND a.members = 2 ORDER BY 1, 3 LIMIT 1"""
        ).fetchall()
    person = Forgetting(standing, erased, erased, (key,), "nobody@example.com")
    person.erase()
    person.run()
    with worlds.published(standing) as warehouse:
        told = warehouse.execute("SELECT customer_id FROM customer_households").fetchall()
    assert told
    assert not {erased, other} & {customer for (customer,) in told}
    assert not person.left()
