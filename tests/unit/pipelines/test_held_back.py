"""What a run tells of the values that it held back, and of what they would have joined."""

from __future__ import annotations

from pipelines.held_back import held_back
from tests.linkage_world import Learned, LinkageWorld, raw
from tests.unit.pipelines.test_generic import FAMILIES, JUNK_PHONE


def test_what_was_held_back_is_told_with_what_it_would_have_joined(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(
            raw(f"store:{n}", given_name="Given", family_name=FAMILIES[n // 2], phone=JUNK_PHONE) for n in range(30)
        )
        world.resolve()
        world.work.execute("INSERT INTO membership SELECT rid, 'cus_' || cluster FROM member")
        (told,) = held_back(world.work, learned.model)
    assert (told.field, told.value, told.holders, told.distinct_family_names) == ("phone", "+12125550100", 30, 15)
    assert (told.allowed, told.customers, told.pairs) == (12, 15, 435)


def test_before_the_first_run_nothing_is_held_back(learned: Learned) -> None:
    with LinkageWorld(learned.models) as world:
        assert held_back(world.work, learned.model) == ()
