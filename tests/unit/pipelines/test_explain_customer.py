"""How a customer came about and whom it nearly is: the command line and SQL say the same of the sample."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipelines.explain import explain
from pipelines.explain_customer import explain_customer, nearness
from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from profile_service.errors import NotFound, WrongUsage
from profile_service.store.generation import open_standing
from tests.command_line import profiles_command


@pytest.fixture(scope="module")
def published(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of its own: where a service of another test has the same file open, its settings are locked."""
    return Path(shutil.copytree(published, tmp_path_factory.mktemp("explained") / "data", symlinks=True))


@pytest.fixture(scope="module")
def warehouse(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_standing(published) as reader:
        yield reader


def largest(warehouse: duckdb.DuckDBPyConnection) -> tuple[str, int]:
    rows = warehouse.execute(
        "SELECT customer_id, record_count FROM customers ORDER BY record_count DESC, customer_id LIMIT 1"
    ).fetchall()
    return rows[0]


def test_a_customer_of_n_records_came_about_in_n_less_one_steps(
    published: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    customer_id, records = largest(warehouse)
    found = explain_customer(customer_id, published)
    assert len(found.steps) == records - 1 == len(found.records) - 1
    last = found.steps[-1]
    assert sorted((*last.left, *last.right)) == sorted(found.records), "the last step joins all"
    averages = [step.bits for step in found.steps if step.bits is not None]
    assert averages == sorted(averages, reverse=True)
    assert min(averages) >= found.stop_bits


def test_sql_and_the_command_line_tell_the_same_steps(published: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    customers = warehouse.execute(
        "SELECT customer_id FROM customers WHERE record_count > 3 ORDER BY hash(customer_id) LIMIT 12"
    ).fetchall()
    for (customer_id,) in customers:
        rows = warehouse.execute(
            "SELECT left_record, right_record, average_bits FROM customer_merges WHERE customer_id = ? ORDER BY step",
            [customer_id],
        ).fetchall()
        steps = explain_customer(customer_id, published).steps
        assert sorted(round(bits, 3) for *_, bits in rows) == sorted(round(step.bits or 0, 3) for step in steps)
        for left, right, bits in rows:
            assert any(
                step.bits == pytest.approx(bits, abs=1e-3)
                and {left, right} <= {*step.left, *step.right}
                and (left in step.left) != (right in step.left)
                for step in steps
            ), (left, right)


def test_near_misses_in_sql_lack_what_the_command_line_says(
    published: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    rows = warehouse.execute("FROM customer_near_misses ORDER BY short_bits").fetchall()
    assert len(rows) > 5
    for left, right, average, short, kept_apart_by in rows[:6]:
        near = nearness(left, right, published).near
        assert near is not None
        assert (near.bits, near.short_bits) == pytest.approx((average, short), abs=1e-3)
        assert near.kept_apart_by == kept_apart_by == "weight"
        assert 0 < near.short_bits < near.strongest.bits - near.bits + 30


def test_the_nearest_comes_first_and_a_record_stands_for_its_customer(
    published: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    left = warehouse.execute("SELECT left_customer_id FROM customer_near_misses ORDER BY short_bits LIMIT 1").fetchall()
    found = explain_customer(left[0][0], published)
    lacking = [near.short_bits for near in found.nearest]
    assert lacking == sorted(lacking)
    assert explain_customer(found.records[0], published).nearest == found.nearest


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ("store", WrongUsage, "names no record and no customer"),
        ("store:nobody", NotFound, "no record store:nobody stands here: it has not come in, its id could not"),
        ("cus_0", NotFound, "no customer cus_0 was ever published here"),
    ],
)
def test_who_is_not_there_is_said(published: Path, asked: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        explain_customer(asked, published)


def test_two_names_of_one_customer_are_told_so(published: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    customer_id, _ = largest(warehouse)
    with pytest.raises(WrongUsage, match="are one customer"):
        nearness(customer_id, explain_customer(customer_id, published).records[0], published)


def test_the_command_answers_json_of_one_of_two_and_why_not(
    published: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    left, right = warehouse.execute(
        "SELECT left_customer_id, right_customer_id FROM customer_near_misses ORDER BY short_bits LIMIT 1"
    ).fetchall()[0]

    def said(*words: str) -> dict[str, object]:
        command = ["explain", *words, "--json", "--data-dir", str(published)]
        done = profiles_command(command, os.environ, published)
        assert done.status == 0, done.err
        answer: dict[str, object] = done.json()
        return answer

    one = said(left, "--why-not")
    pair = one["strongest_pair"]
    assert isinstance(pair, dict)
    assert pair["one_customer"] is False
    assert pair["bits"] == pytest.approx(pair["prior_bits"] + sum(each["bits"] for each in pair["comparisons"]))
    assert said(left, right)["strongest_pair"]
    assert said(pair["left"]["record"], pair["right"]["record"]) == pair


def test_a_record_that_was_refused_is_told_with_its_run_file_line_and_reasons(tmp_path: Path) -> None:
    good = "S1,Ada,Lovelace,ada@example.org,1815-12-10"
    names = "source_record_id,given_name,family_name,email,birth_date"
    landing = tmp_path / "landing" / "store"
    landing.mkdir(parents=True)
    (landing / "customers_1.csv").write_text(f"{names}\n{good}\nS2,Grace,Hopper,g@example.org,once\n")
    places = Places(tmp_path / "landing", tmp_path / "data")
    run_id = run(places, RunOptions(), SilentProgress()).run_id
    with pytest.raises(NotFound) as caught:
        explain_customer("store:S2", tmp_path / "data")
    said = str(caught.value)
    assert said.startswith(
        f"no record store:S2 stands here: {run_id} refused it in store/customers_1.csv, line 3: birth_date"
    )
    assert "\n" not in said

    (landing / "customers_2.csv").write_text(f"{names},updated_at\nS2,Grace,Hopper,g@example.org,1906-12-09,soon\n")
    run(places, RunOptions(), SilentProgress())
    with pytest.raises(NotFound, match=r"customers_2\.csv, line 2 \(the last of 2 refused rows\): updated_at"):
        explain("store:S1", "store:S2", tmp_path / "data")
    with open_standing(tmp_path / "data") as warehouse:
        rows = warehouse.execute("SELECT line, source_record_id FROM rejected_rows ORDER BY line").fetchall()
    assert rows == [(2, "S2"), (3, "S2")]


def test_of_a_record_that_stands_the_newer_rows_that_were_refused_are_told(tmp_path: Path) -> None:
    names = "source_record_id,given_name,family_name,email,birth_date"
    ada, grace = "S1,Ada,Lovelace,ada@example.org", "S2,Grace,Hopper,g@example.org"
    landing, data_dir = tmp_path / "landing" / "store", tmp_path / "data"
    landing.mkdir(parents=True)

    def refused(number: int, *rows: str) -> tuple[str, ...]:
        (landing / f"customers_{number}.csv").write_text("\n".join((names, *rows)) + "\n")
        run_id = run(Places(tmp_path / "landing", data_dir), RunOptions(), SilentProgress()).run_id
        found = explain("store:S1", "store:S2", data_dir)
        assert found.refused == explain_customer("store:S2", data_dir).refused == tuple(found.as_json()["refused"])
        return tuple(said.replace(run_id, "RUN") for said in found.refused)

    assert refused(1, f"{ada},1815-12-10", f"{grace},1906-12-09") == ()
    (said,) = refused(2, f"{grace},once", f"{grace},upon")
    assert said.startswith(
        "a row of store:S2 was not taken: RUN refused it in store/customers_2.csv, line 3 (the last of 2 refused "
        "rows): birth_date"
    )
    for words in (["store:S1", "store:S2"], ["store:S2"]):
        told = profiles_command(["explain", *words, "--data-dir", str(data_dir)], os.environ, data_dir)
        assert "a row of store:S2 was not taken: run_" in told.out
    assert refused(3, f"{grace},1906-12-08") == (), "a row that was taken came after them"
