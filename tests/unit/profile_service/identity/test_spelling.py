"""Rare spellings and the frequent names they are slips of."""

from __future__ import annotations

import pytest

from profile_service.identity.spelling import Spellings, in_each_others_place, sound

COUNTS = {"smith": 500, "smyth": 60, "smithe": 3, "johnson": 200, "jon": 300, "ron": 2, "catherine": 90, "lee": 400}


def spellings(never: tuple[str, ...] = ()) -> Spellings:
    """As the packaged model reads them."""
    return Spellings(COUNTS, least_count=4, times_as_frequent=10, least_length=4, never=never)


@pytest.mark.parametrize(
    ("name", "corrected"),
    [
        ("smith", "smith"),
        ("smiht", "smith"),  # two letters changed places
        ("smit", "smith"),
        ("smithh", "smith"),
        ("smithe", "smith"),
        ("smyth", "smyth"),  # frequent enough to be a name of its own
        ("johnsen", "johnson"),
        ("katherine", "catherine"),  # one edit; the packaged model knows it to be a name of its own
        ("catharine", "catherine"),
        ("ron", "ron"),  # short names are one edit from everything
        ("zzzzz", "zzzzz"),
        (None, None),
    ],
)
def test_a_rare_spelling_becomes_its_frequent_neighbour(name: str | None, corrected: str | None) -> None:
    assert spellings().correct(name) == corrected


def test_a_name_known_to_be_right_is_never_corrected() -> None:
    assert spellings(never=("smithe",)).correct("smithe") == "smithe"


def test_names_that_sound_alike_share_their_sound() -> None:
    assert sound("catherine") == sound("katherine")
    assert sound("smith") != sound("jones")


@pytest.mark.parametrize(
    ("given", "family", "swapped"),
    [
        ("smith", "mary", True),
        ("mary", "smith", False),
        ("lee", "lee", False),
        ("unheard", "of", False),
        ("smiht", "mary", True),
        ("smith", "mray", True),
        ("smiht", "mray", False),
        ("mray", "smith", False),
        ("mary", "smiht", False),
        ("smith", "mary k", True),
        ("smith jones", "mary", True),
        ("mary k", "smith", False),
        ("mary", "smith jones", False),
        ("smith", None, False),
        (None, "mary", False),
    ],
)
def test_names_in_each_others_place_are_known_by_everyone_elses(
    given: str | None, family: str | None, swapped: bool
) -> None:
    givens = Spellings({"mary": 300, "lee": 10}, least_count=4, times_as_frequent=10, least_length=4)
    families = spellings()
    assert in_each_others_place(given, family, givens, families) is swapped
    assert not (swapped and in_each_others_place(family, given, givens, families))
