"""What the service reads of a record is what the work store holds, whatever characters its values are made of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.publish import Policy, publish
from profile_service.identity.model import packaged_model
from profile_service.store.generation import ARRAYS, standing_generation
from profile_service.store.lines import Lines
from profile_service.store.serving import RECORD_BODIES
from profile_service.store.stored import PART, StoredRecord, head_of
from tests.work_world import WorkWorld, moment

ODD = {
    "plain": "Ann",
    "a quote": 'Ann "Nan" Ray',
    "a backslash": r"An\n",
    "a line break": "Ann\nRay",
    "a Windows line break": "Ann\r\nRay",
    "the mark between parts": f"Ann{PART}Ray",
    "nothing but the mark": PART,
    "what stands for the same moment": "=",
    "a bracket like a list's": "[",
    "beyond ASCII": "Ångström 李",
    "a tab and a bell": "Ann\t\x07",
}


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    world = WorkWorld(tmp_path_factory.mktemp("world"))
    context = world.begin()
    for name, value in ODD.items():
        world.record(f"store:{name}", 1, given_name=value, marketing_consent="yes")
    world.record(f"web:id{PART}odd", None, family_name="Ray")
    world.record("web:nothing", 2)
    world.identify(context, [*(f"store:{name}" for name in ODD), f"web:id{PART}odd", "web:nothing"])
    publish(world.work, world.data_dir, context, packaged_model(), Policy())
    standing = standing_generation(world.data_dir)
    assert standing is not None
    lines = Lines(standing.folder / ARRAYS, RECORD_BODIES)
    found = [text for number in range(len(lines)) if (text := lines.text(number))]
    yield {head_of(text).source_record_id: text for text in found}
    world.work.close()


@pytest.mark.parametrize("name", ODD)
def test_a_value_comes_back_as_it_was_sent(bodies: dict[str, bytes], name: str) -> None:
    record = StoredRecord.from_body(bodies[name])
    assert record.fields == {"given_name": ODD[name], "marketing_consent": "yes"}
    assert record.standard["given_name"] == ODD[name].lower()
    assert (record.updated_at, record.first_seen) == (moment(1), moment(1))
    assert record.consent == ("yes", moment(1), 1)


@pytest.mark.parametrize("name", ODD)
def test_head_and_json_tell_the_same(bodies: dict[str, bytes], name: str) -> None:
    record = StoredRecord.from_body(bodies[name])
    assert StoredRecord.from_json(record.to_json()) == record
    assert head_of(bodies[name]) == head_of(record.to_json())


def test_a_record_without_values_and_one_with_an_odd_id_are_read(bodies: dict[str, bytes]) -> None:
    nothing = StoredRecord.from_body(bodies["nothing"])
    assert (nothing.fields, nothing.consent, nothing.events, nothing.statements) == ({}, None, None, ())
    odd = StoredRecord.from_body(bodies[f"id{PART}odd"])
    assert (odd.fields, odd.updated_at) == ({"family_name": "Ray"}, None)
