"""Erasures beside the ledger: what is written stays whole, whatever broke off before it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from profile_service.errors import WrongUsage
from profile_service.privacy import Erasure
from profile_service.store.forgotten import forgotten, keep_forgotten

AT = datetime(2026, 11, 26, 10, tzinfo=UTC)


def erasure(number: int) -> Erasure:
    return Erasure(f"era_{number}", f"cus_{number}", "salt", frozenset({f"token {number}"}), AT, (("web", "W1"),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.erasures.jsonl"


def test_what_is_kept_is_read_again_without_the_records_names(path: Path) -> None:
    keep_forgotten(path, [erasure(1)])
    keep_forgotten(path, [erasure(2)])
    assert [one.erasure_id for one in forgotten(path).values()] == ["era_1", "era_2"]
    assert [one.keys for one in forgotten(path).values()] == [(), ()]
    assert "W1" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("left", [1, 40, -1], ids=["one letter", "half", "all but the line's end"])
def test_a_line_that_was_broken_off_stops_nobody_and_is_cut_away(path: Path, left: int) -> None:
    keep_forgotten(path, [erasure(1)])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:left])
    assert list(forgotten(path)) == ["cus_1"]
    keep_forgotten(path, [erasure(2)])
    assert list(forgotten(path)) == ["cus_1", "cus_2"]


def test_a_whole_line_that_tells_of_no_erasure_is_named(path: Path) -> None:
    keep_forgotten(path, [erasure(1)])
    with path.open("a") as file:
        file.write("{}\n")
    with pytest.raises(WrongUsage, match="line 2, tells of no erasure"):
        forgotten(path)
