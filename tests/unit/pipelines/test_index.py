"""What a generation answers by key is what its warehouse holds, after a whole build and after a refresh."""

from __future__ import annotations

import csv
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from pipelines.audits import audit_index
from pipelines.block import keys_sql
from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from pipelines.work import open_work
from profile_service.errors import NotFound, PromiseBroken
from profile_service.profile import CustomerFacts, assemble
from profile_service.store.generation import ARRAYS, Generation, generation_in, standing_generation
from profile_service.store.lines import LENGTH, Lines, places_file
from profile_service.store.linkage import RENEWED, WHOLE
from profile_service.store.serving import CUSTOMER_NAMES, CUSTOMER_NUMBERS, DOCUMENTS, RECORD_BODIES, ServingGeneration
from profile_service.store.stored import StoredRecord, moment_of
from tests.linkage_world import SAMPLE


def opened(data_dir: Path) -> ServingGeneration:
    generation = standing_generation(data_dir)
    assert generation is not None
    return ServingGeneration.open(generation, data_dir / "models")


@pytest.fixture(scope="module")
def sample(published: Path) -> Iterator[ServingGeneration]:
    serving = opened(published)
    yield serving
    serving.close()


def rewrite(landing: Path, changes: dict[str, dict[str, str]]) -> None:
    """Newer versions of some records of the web, and one new record."""
    with (SAMPLE / "web" / "customers.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source_record_id"] in changes]
    changed = [{**row, **changes[row["source_record_id"]], "updated_at": "2026-01-01T00:00:00Z"} for row in rows]
    changed.append({**changed[0], "source_record_id": "W99999999", "email": "nobody.else@example.org"})
    (landing / "web").mkdir(parents=True)
    with (landing / "web" / "customers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(changed[0]))
        writer.writeheader()
        writer.writerows(changed)


@pytest.fixture(scope="module")
def refreshed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingGeneration]:
    """The sample, and then a landing in which a customer takes over the phone of another and one loses an e-mail."""
    folder = tmp_path_factory.mktemp("refreshed")
    data_dir = folder / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    phones = {"phone": "510-434-9915", "given_name": "Quentin", "family_name": "Zwingli", "email": "", "cookie_id": ""}
    rewrite(folder / "landing", {"W00000002": {"email": ""}, "W00000003": {**phones, "birth_date": "1931-05-05"}})
    run(Places(folder / "landing", data_dir), RunOptions(), SilentProgress())
    serving = opened(data_dir)
    assert serving.generation.manifest.kind == "delta"
    yield serving
    serving.close()


def customers(serving: ServingGeneration) -> list[str]:
    return [row[0] for row in serving.warehouse().execute("SELECT customer_id FROM customers").fetchall()]


def assembled(serving: ServingGeneration, customer_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A customer's document as it stands, and as it is assembled from its records."""
    document = orjson.loads(serving.document(customer_id) or b"null")
    records = serving.records_of(customer_id)
    pairs = [(record.ref, other, bits) for record in records for other, bits in serving.pairs_of(record.ref)]
    held = serving.warehouse().execute(
        "SELECT identifier_type, value FROM customer_identifiers WHERE customer_id = ? AND shared", [customer_id]
    )
    facts = CustomerFacts(
        customer_id=customer_id,
        customer_since=moment_of(document["customer_since"]),
        run_id=document["run_id"],
        shared=frozenset(held.fetchall()),
        segments=document["segments"],
        traits=document["traits"],
    )
    return document, orjson.loads(orjson.dumps(assemble(facts, records, serving.model, pairs)))


@pytest.mark.parametrize("world", ["sample", "refreshed"])
def test_every_document_is_what_assemble_makes_of_the_customers_records(
    world: str, request: pytest.FixtureRequest
) -> None:
    serving = request.getfixturevalue(world)
    everyone = customers(serving)
    assert len(everyone) > 1_000
    for customer_id in everyone:
        stands, made = assembled(serving, customer_id)
        assert stands == made
        assert list(stands) == list(made)


def test_a_refresh_tells_unchanged_customers_what_is_shared_by_now(refreshed: ServingGeneration) -> None:
    holders = refreshed.holders("phone", "+15104349915")
    assert len(holders) == 2
    for customer_id in holders:
        document = orjson.loads(refreshed.document(customer_id) or b"")
        assert [each["shared"] for each in document["identifiers"] if each["value"] == "+15104349915"] == [True]


def test_a_refresh_adds_a_small_file_beside_the_linked_old_one(published: Path, refreshed: ServingGeneration) -> None:
    arrays = refreshed.generation.folder / ARRAYS
    first, second = arrays / f"{DOCUMENTS}-0.lines", arrays / f"{DOCUMENTS}-1.lines"
    assert second.stat().st_size < first.stat().st_size / 20
    assert first.stat().st_nlink > 1


@pytest.mark.parametrize("world", ["sample", "refreshed"])
def test_the_same_values_stand_in_the_warehouse_and_in_the_documents(
    world: str, request: pytest.FixtureRequest
) -> None:
    serving = request.getfixturevalue(world)
    rows = serving.warehouse().execute(
        "SELECT customer_id, full_name, email, phone, street, birth_date::VARCHAR, record_count, event_count, "
        "amount_by_currency, weakest_link_bits, run_id FROM customers"
    )
    for customer_id, full_name, email, phone, street, birth_date, *counts, amounts, bits, run_id in rows.fetchall():
        document = orjson.loads(serving.document(customer_id) or b"")
        assert [document[name] for name in ("full_name", "email", "phone", "birth_date")] == [
            full_name,
            email,
            phone,
            birth_date,
        ]
        assert document["address"]["street"] == street
        assert [document["record_count"], document["event_count"]] == counts
        assert document["amount_by_currency"] == {currency: str(amount) for currency, amount in amounts.items()}
        assert (document["weakest_link_bits"], document["run_id"]) == (bits, run_id)


@pytest.mark.parametrize("world", ["sample", "refreshed"])
def test_records_identifiers_and_retired_ids_are_found_by_their_names(
    world: str, request: pytest.FixtureRequest
) -> None:
    serving = request.getfixturevalue(world)
    warehouse = serving.warehouse()
    records = warehouse.execute("SELECT channel, source_record_id, customer_id, record_number FROM customer_records")
    for channel, source_record_id, customer_id, number in records.fetchall():
        record = serving.record(channel, source_record_id)
        assert record is not None
        assert (record.customer_id, record.ref) == (customer_id, number)
        assert StoredRecord.from_json(record.to_json()) == record
    held: dict[tuple[str, str], list[str]] = {}
    for kind, value, customer_id in warehouse.execute(
        "SELECT identifier_type, value, customer_id FROM customer_identifiers ORDER BY customer_id"
    ).fetchall():
        held.setdefault((kind, value), []).append(customer_id)
    for identifier, holders in held.items():
        assert serving.holders(*identifier) == holders
    retired = warehouse.execute("SELECT DISTINCT customer_id, stands_as FROM customer_id_history").fetchall()
    for customer_id, stands_as in retired:
        if stands_as != customer_id:
            assert serving.retired(customer_id) == ("merged_into", stands_as)
            assert serving.document(customer_id) is None
    assert serving.record("web", "W") is None
    assert serving.record("store", "W00000001") is None
    assert serving.document("cus_00000000000000000000000000") is None
    assert serving.holders("email", "' OR 1=1 --") == []


@pytest.mark.parametrize("world", ["sample", "refreshed"])
def test_keys_and_pairs_are_those_of_the_work_store(world: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    sample = request.getfixturevalue(world)
    store = sample.generation.folder.parents[1] / "work" / "pipeline.duckdb"
    (tmp_path / "work").mkdir()
    shutil.copy(store, tmp_path / "work" / "pipeline.duckdb")
    with open_work(tmp_path) as work:
        keys: dict[int, set[int]] = {}
        for key, rid in work.execute(keys_sql(sample.model, "standardised")).fetchall():
            keys.setdefault(key, set()).add(rid)
        pairs = work.execute("SELECT l, r, bits FROM scored_pairs").fetchall()
    if world == "sample":
        held = np.load(sample.generation.folder / ARRAYS / "keys.npy")
        assert len(held) == sum(map(len, keys.values()))
    most = sample.model.blocking_cap + 1
    for key, refs in keys.items():
        members = sample.key_members([key])[key]
        assert set(members) == refs if len(refs) <= most else len(members) == most and refs.issuperset(members)
    found = [(ref, other, bits) for ref in range(3_500) for other, bits in sample.pairs_of(ref)]
    assert sorted(found) == sorted(
        [(l, r, bits) for l, r, bits in pairs] + [(r, l, bits) for l, r, bits in pairs]  # noqa: E741
    )
    assert sorted(zip(*(each.tolist() for each in sample.pairs_from(range(3_500))), strict=True)) == sorted(found)
    for record in sample.records(range(300)):
        for key in sample.hash_keys(record.as_standardised(sample.model)):
            assert record.ref in keys[key]


def test_a_refresh_keeps_the_whole_keys_and_pairs_by_a_second_name(refreshed: ServingGeneration) -> None:
    arrays = refreshed.generation.folder / ARRAYS
    assert all((arrays / f"{name}.npy").stat().st_nlink > 1 for name in WHOLE)
    assert 0 < np.count_nonzero(np.load(arrays / f"{RENEWED}.npy")) < 100


def test_keys_and_pairs_are_written_whole_where_they_have_become_others_of_many_records(
    published: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    renewed = []
    for day in range(1, 4):
        some = {f"W{number:08d}": {"given_name": f"Ida{day}"} for number in range(day, 830, 7)}
        rewrite(tmp_path / f"landing{day}", some)
        run(Places(tmp_path / f"landing{day}", data_dir), RunOptions(accept=True), SilentProgress())
        serving = opened(data_dir)
        renewed.append(np.count_nonzero(np.load(serving.generation.folder / ARRAYS / f"{RENEWED}.npy")))
        with duckdb.connect(str(data_dir / "work" / "pipeline.duckdb"), read_only=True) as work:
            pairs = work.execute("SELECT l, r FROM scored_pairs UNION ALL SELECT r, l FROM scored_pairs").fetchall()
        assert sorted((ref, other) for ref in range(3_500) for other, _ in serving.pairs_of(ref)) == sorted(pairs)
        serving.close()
    assert 0 in renewed


def test_many_threads_get_only_what_they_asked_for(sample: ServingGeneration) -> None:
    everyone = customers(sample)
    strays: list[str] = []

    def look(start: int) -> None:
        for step in range(2_000):
            wanted = everyone[(start + step * 7) % len(everyone)]
            document = orjson.loads(sample.document(wanted) or b"{}")
            records = sample.records_of(wanted)
            if document.get("customer_id") != wanted or {record.customer_id for record in records} != {wanted}:
                strays.append(wanted)

    threads = [threading.Thread(target=look, args=(number * 101,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not strays


def test_the_most_valuable_review_comes_first_and_none_repeats_two_customers(sample: ServingGeneration) -> None:
    reviews = sample.reviews(1_000)
    assert reviews
    assert [review.value for review in reviews] == sorted((review.value for review in reviews), reverse=True)
    between = {frozenset((review.left_customer_id, review.right_customer_id)) for review in reviews}
    assert len(between) == len(reviews)
    assert sample.review(reviews[0].review_id) == reviews[0]
    assert sample.review("rev_unknown") is None


def spoil_place(name: str, number: int) -> Any:
    def spoil(folder: Path) -> None:
        path = places_file(folder / ARRAYS, name)
        places = np.load(path)
        path.unlink()
        places[number, LENGTH] = 0
        np.save(path, places)

    return spoil


def spoil_array(name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    def spoil(folder: Path) -> None:
        path = folder / ARRAYS / f"{name}.npy"
        array = np.load(path)
        path.unlink()
        np.save(path, change(array))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "promise"),
    [
        (spoil_place(DOCUMENTS, 7), "every standing customer has one document"),
        (spoil_place(RECORD_BODIES, 7), "every current record is found by its number"),
        (spoil_array(CUSTOMER_NAMES, lambda names: names[::-1]), "every standing customer has one document"),
        (spoil_array(CUSTOMER_NUMBERS, lambda numbers: numbers[::-1]), "a document tells of its own customer"),
    ],
    ids=["documents", "records", "ids out of order", "another's document"],
)
def test_an_index_that_lacks_something_is_not_published(
    spoil: Any, promise: str, sample: ServingGeneration, tmp_path: Path
) -> None:
    folder = tmp_path / "generation"
    shutil.copytree(sample.generation.folder, folder)
    (tmp_path / "work").mkdir()
    with open_work(tmp_path) as work:
        work.execute(f"ATTACH '{folder / 'customers.duckdb'}' AS generation (READ_ONLY)")
        work.execute("CREATE TEMP TABLE nobody (customer_id VARCHAR)")
        work.execute("CREATE TEMP TABLE changed AS SELECT customer_id FROM generation.main.customers")
        for written in (None, "nobody", "changed"):
            audit_index(work, folder, written)
        spoil(folder)
        # whose is lost is told where it was written now; that one is lost is found whoever was
        for written in (None, "nobody", "changed"):
            with pytest.raises(PromiseBroken, match=promise):
                audit_index(work, folder, written)


def test_a_generation_without_an_index_cannot_be_served(sample: ServingGeneration, tmp_path: Path) -> None:
    folder = tmp_path / "generation"
    shutil.copytree(sample.generation.folder, folder)
    (folder / "profiles.sqlite").unlink()
    assert generation_in(folder) is None
    with pytest.raises(NotFound, match="nothing to serve"):
        ServingGeneration.open(Generation(folder, sample.generation.manifest), tmp_path)


def test_a_generation_of_another_layout_says_how_to_publish_it_anew(sample: ServingGeneration, tmp_path: Path) -> None:
    folder = tmp_path / "generation"
    shutil.copytree(sample.generation.folder, folder)
    (folder / ARRAYS / "identifier_names.npy").unlink()
    version = sample.generation.manifest.model_version
    assert version is not None
    shutil.copytree(sample.generation.folder.parent.parent / "models" / version, tmp_path / version)
    with pytest.raises(NotFound, match="--rebuild"):
        ServingGeneration.open(Generation(folder, sample.generation.manifest), tmp_path)


def test_a_file_of_documents_cut_short_is_not_opened(sample: ServingGeneration, tmp_path: Path) -> None:
    arrays = tmp_path / ARRAYS
    shutil.copytree(sample.generation.folder / ARRAYS, arrays)
    assert Lines(arrays, DOCUMENTS).text(1)
    path = arrays / f"{DOCUMENTS}-0.lines"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(NotFound, match="holds no documents"):
        Lines(arrays, DOCUMENTS)
