from __future__ import annotations

import shutil
from pathlib import Path

from pipelines.progress import SilentProgress
from pipelines.run import Places, RunOptions, run
from profile_service.search import search
from profile_service.search_terms import search_terms
from profile_service.state import State
from profile_service.store.terms import segment_files
from tests.landing_world import csv_of
from tests.served_world import opened_world

HEADER = "source_record_id,given_name,family_name,email,updated_at"


def found(state: State, text: str) -> list[str]:
    return [hit.customer_id for hit in search(state, text).hits]


def test_every_customer_carries_the_words_of_its_records_and_no_others(sample_state: State) -> None:
    generation = sample_state.generation
    customers = generation.customers_numbered(range(generation.terms.size))
    assert len(customers) == generation.generation.manifest.customers
    expected: dict[str, set[int]] = {}
    for number, customer_id in customers.items():
        for word in search_terms(generation.records_of(customer_id)):
            expected.setdefault(word, set()).add(number)
    (words,) = (path.read_text(encoding="utf-8") for path in generation.generation.folder.glob("arrays/search-0-*.txt"))
    assert words.splitlines() == sorted(expected, key=str.encode)
    for word, numbers in expected.items():
        assert set(generation.terms.exactly(word).tolist()) == numbers


def test_who_came_or_changed_since_is_found_in_a_refreshed_generation(published: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    with opened_world(data_dir, tmp_path / "before.sqlite") as world:
        query = """SELECT source_record_id, customer_id FROM customer_records r JOIN customers c USING (customer_id)
            WHERE r.channel = 'web' AND record_count = 1 ORDER BY 1 LIMIT 1"""
        known, customer_id = world.state().generation.warehouse().execute(query).fetchall()[0]
    for number, (record, family_name) in enumerate((("new-1", "Quillfeather"), (known, "Featherquill"))):
        folder = tmp_path / f"landing-{number}" / "web"
        folder.mkdir(parents=True)
        line = f"{record},Zebedee,{family_name},{family_name}@fresh.example,2026-11-20T08:00:00Z"
        (folder / "customers.csv").write_bytes(csv_of(line, header=HEADER))
        run(Places(folder.parent, data_dir), RunOptions(), SilentProgress())
    with opened_world(data_dir, tmp_path / "after.sqlite") as world:
        state = world.state()
        assert segment_files(state.generation.generation.folder / "arrays", 1)[0].exists()
        (new,) = found(state, "quillfeather zebedee")
        assert found(state, "lfeather@fresh") == [new]
        assert found(state, "featherquill@fresh.example") == [customer_id]
        assert found(state, known) == [customer_id]
