"""Files are looked into ahead of their turn, and nothing shows of it but the time saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.ingest.early import Early, look_early, look_into
from pipelines.ingest.landing import FeedFile
from profile_service.contracts.channels import load_channels
from profile_service.errors import UnusableInput

STORE = load_channels(None)[0]


def feed(folder: Path, name: str, content: bytes) -> FeedFile:
    path = folder / name
    path.write_bytes(content)
    return FeedFile(STORE, "customers", path, name)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_a_file_that_is_no_text_is_told_when_its_turn_comes_not_before(tmp_path: Path, scratch: Path) -> None:
    good = feed(tmp_path, "a.csv", b"source_record_id,email\n1,a@b.org\n2,b@b.org\n")
    bad = feed(tmp_path, "b.csv", bytes(range(256)) * 20)
    looked = look_early([good, bad, good], set(), scratch)
    first = next(looked)
    assert (first.file, first.rows, first.header) == (good, 2, ["source_record_id", "email"])
    with pytest.raises(UnusableInput, match=r"b\.csv is not text"):
        next(looked)


def test_a_known_file_is_hashed_and_no_more(tmp_path: Path, scratch: Path) -> None:
    file = feed(tmp_path, "a.csv.gz", b"no gzip at all")
    with pytest.raises(UnusableInput, match="not gzipped"):
        look_into(file, set(), scratch / "anew")
    known = look_into(file, _Everything(), scratch / "known")
    assert known.text is None
    assert not (scratch / "known").exists()


def test_who_stops_early_waits_for_no_further_file(tmp_path: Path, scratch: Path) -> None:
    files = [feed(tmp_path, f"{n}.csv", b"source_record_id\n1\n") for n in range(5)]
    looked = look_early(files, set(), scratch)
    next(looked)
    looked.close()
    assert sorted(each.name for each in scratch.iterdir()) <= ["0", "1"]


def test_each_file_has_a_scratch_folder_of_its_own_and_the_order_is_kept(tmp_path: Path, scratch: Path) -> None:
    files = [feed(tmp_path, f"{n}.csv", b"source_record_id,email\n%d,\n" % n) for n in range(4)]
    found: list[Early] = list(look_early(files, set(), scratch))
    assert [each.file for each in found] == files
    assert len({each.scratch for each in found}) == len(files)


class _Everything:
    def __contains__(self, _: object) -> bool:
        return True
