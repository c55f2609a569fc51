"""Labels through the real command line: exported, judged, imported to measure or to bind, and forgotten with people."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from profile_service.settings import Settings
from profile_service.world import World
from tests.end_to_end import worlds
from tests.linkage_world import SAMPLE


@pytest.fixture
def rows(data_dir: Path, tmp_path: Path) -> list[dict[str, str]]:
    """Sixty pairs as exported."""
    done = worlds.profiles("labels", "export", tmp_path / "judge.csv", "--pairs", "60", data_dir=data_dir)
    assert done.status == 0, done.err
    assert stat.S_IMODE((tmp_path / "judge.csv").stat().st_mode) == 0o600
    with (tmp_path / "judge.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def persons() -> dict[str, str]:
    with (SAMPLE / "truth.csv").open(encoding="utf-8") as stream:
        return {f"{row['channel']}:{row['source_record_id']}": row["person_id"] for row in csv.DictReader(stream)}


def ends(row: dict[str, str]) -> tuple[str, str]:
    return f"{row['left_channel']}:{row['left_id']}", f"{row['right_channel']}:{row['right_id']}"


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def take(path: Path, data_dir: Path, *options: str) -> dict[str, int]:
    done = worlds.profiles("labels", "import", path, "--author", "ada", "--json", *options, data_dir=data_dir)
    assert done.status == 0, done.err
    return dict(done.json())


def judgements(data_dir: Path) -> Iterator[tuple[str, ...]]:
    with worlds.published(data_dir) as warehouse:
        query = "SELECT kind, standing, verdict, author, count(*) FROM match_judgements GROUP BY ALL ORDER BY ALL"
        yield from warehouse.execute(query).fetchall()


def test_what_people_judge_measures_and_binds_only_when_asked_to(
    data_dir: Path, rows: list[dict[str, str]], persons: dict[str, str], tmp_path: Path
) -> None:
    before = worlds.customers(data_dir)
    for row in rows:
        left, right = ends(row)
        row["verdict"] = "same" if persons[left] == persons[right] else "different"
    # the first nobody has judged, the second nobody could
    rows[0]["verdict"], rows[1]["verdict"] = "", "unsure"
    path = written(tmp_path / "judged.csv", rows)
    assert take(path, data_dir) == {"new": 59, "known": 0, "bound": 0, "unjudged": 1}
    assert take(path, data_dir) == {"new": 0, "known": 59, "bound": 0, "unjudged": 1}
    worlds.run(SAMPLE, data_dir)
    assert worlds.customers(data_dir) == before
    assert {kind: standing for kind, standing, *_ in judgements(data_dir)} == {"label": "measures"}
    assert take(path, data_dir, "--bind") == {"new": 0, "known": 59, "bound": 58, "unjudged": 1}
    assert take(path, data_dir, "--bind") == {"new": 0, "known": 59, "bound": 0, "unjudged": 1}
    wrong = [row for row in rows[2:] if (row["verdict"] == "same") != (row["linked"] == "yes")]
    assert wrong, "the sample has pairs to be put right"
    world = World.open(Settings(data_dir=data_dir))
    try:
        for row in wrong:
            left, right = (world.state().record(*key.split(":", 1)) for key in ends(row))
            assert left is not None
            assert right is not None
            assert (left.customer_id == right.customer_id) is (row["verdict"] == "same"), "it binds live at once"
    finally:
        world.close()
    former = worlds.ids(data_dir)
    worlds.run(SAMPLE, data_dir)
    given = worlds.ids(data_dir)
    for row in rows[2:]:
        left, right = ends(row)
        assert (given[left] == given[right]) is (row["verdict"] == "same")
    with worlds.published(data_dir) as warehouse:
        changes = warehouse.execute(
            "SELECT customer_id, event, other_customer_id, record FROM customer_changes"
        ).fetchall()
    retired = {customer_id for customer_id, event, *_ in changes if event == "merged_into"}
    moved = {key for key in former if former[key] != given[key] and former[key] not in retired}
    assert moved, "a decision that binds live moves some records at once"
    parted = {(customer_id, other) for customer_id, event, other, _ in changes if event == "split_from"}
    told_moved = {record for _, event, _, record in changes if event == "moved"}
    assert {key for key in moved if (given[key], former[key]) not in parted} == told_moved, "each is told"
    told = list(judgements(data_dir))
    assert (
        sum(
            count
            for kind, standing, _, author, count in told
            if (kind, standing, author) == ("decision", "binds", "ada")
        )
        == 58
    )
    assert sum(count for kind, *_, count in told if kind == "label") == 59
    # what is known stands in the next export
    again = worlds.profiles("labels", "export", tmp_path / "again.csv", "--pairs", "60", data_dir=data_dir)
    assert again.status == 0, again.err
    with (tmp_path / "again.csv").open(encoding="utf-8") as stream:
        assert any(row["verdict"] and row["author"] == "ada" for row in csv.DictReader(stream))


def test_of_a_file_with_a_bad_row_nothing_is_taken(data_dir: Path, rows: list[dict[str, str]], tmp_path: Path) -> None:
    for row in rows:
        row["verdict"] = "same"
    rows[3]["verdict"] = "perhaps"
    path = written(tmp_path / "judged.csv", rows)
    refused = worlds.profiles("labels", "import", path, "--author", "ada", "--bind", data_dir=data_dir)
    assert refused.status == 2
    assert "line 5: verdict is 'perhaps'" in refused.err
    assert "a row cannot be taken, so nothing was" in refused.last_error
    rows[3] |= {"verdict": "same", "left_id": "nobody"}
    refused = worlds.profiles("labels", "import", written(path, rows), "--author", "ada", "--bind", data_dir=data_dir)
    assert refused.status == 2
    assert "nobody is no record that stands" in refused.last_error
    rows[3] = rows[4]
    assert take(written(path, rows), data_dir)["new"] == 59


def test_an_export_never_writes_over_a_file_and_needs_a_run(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "judge.csv").write_text("verdicts of a whole day")
    refused = worlds.profiles("labels", "export", tmp_path / "judge.csv", data_dir=data_dir)
    assert (refused.status, "is there already" in refused.last_error) == (2, True)
    assert (tmp_path / "judge.csv").read_text() == "verdicts of a whole day"
    refused = worlds.profiles("labels", "export", tmp_path / "other.csv", data_dir=tmp_path / "empty")
    assert (refused.status, "profiles run LANDING" in refused.last_error) == (2, True)


def test_who_is_erased_is_in_no_label_any_more(data_dir: Path, rows: list[dict[str, str]], tmp_path: Path) -> None:
    for row in rows:
        row["verdict"] = "unsure"
    take(written(tmp_path / "judged.csv", rows), data_dir)
    worlds.run(SAMPLE, data_dir)
    key, _ = ends(rows[0])
    erased = worlds.profiles("erase", worlds.ids(data_dir)[key], data_dir=data_dir)
    assert erased.status == 0, erased.err
    with worlds.published(data_dir) as warehouse:
        left = warehouse.execute("SELECT left_record, right_record FROM match_judgements").fetchall()
    assert left
    assert not [pair for pair in left if key in pair]
