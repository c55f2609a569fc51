"""A changed declaration is read as it stands, or refused in one line that says where and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from profile_service.errors import UnusableInput
from profile_service.identity.declaration import read_declaration
from profile_service.identity.model import packaged_model

PACKAGED = packaged_model().text


def changed(tmp_path: Path, before: str, after: str) -> Path:
    assert before in PACKAGED
    path = tmp_path / "model.toml"
    path.write_text(PACKAGED.replace(before, after, 1), encoding="utf-8")
    return path


def test_the_packaged_declaration_is_a_good_one(tmp_path: Path) -> None:
    read = read_declaration(changed(tmp_path, "name", "name"))
    assert read.comparisons == packaged_model().comparisons


def test_a_changed_number_and_a_further_rule_are_read(tmp_path: Path) -> None:
    further = (
        '[[blocking_rule]]\nname = "birth place and sound"\nkey = ["birth_place", "family_sound"]\n\n[[blocking_rule]]'
    )
    path = changed(tmp_path, "[[blocking_rule]]", further)
    path.write_text(path.read_text().replace("\ncap = 60\n", "\ncap = 90\n"))
    model = read_declaration(path)
    assert model.blocking_cap == 90
    assert model.blocking_rules[0].key == ("birth_place", "family_sound")


WRONG = {
    "no TOML": ("[blocking]", "[blocking", "is no TOML"),
    "a misspelt number": (
        "clip = 12.0",
        "clipp = 12.0",
        "[clustering] has a key 'clipp' that means nothing: is it 'clip'?",
    ),
    "a missing number": ("\ncap = 60\n", "\n", "[blocking] lacks 'cap'"),
    "a text for a number": ("\ncap = 60\n", '\ncap = "sixty"\n', "[blocking] cap = 'sixty' must be a number"),
    "a negative cap": ("\ncap = 60\n", "\ncap = -1\n", "[blocking] cap = -1 must be a number that is not negative"),
    "not a number at all": ("clip = 12.0", "clip = nan", "[clustering] clip = nan must be a number"),
    "a section nobody reads": ("[blocking]", "[bloking]", "has a key 'bloking' that means nothing: is it 'blocking'?"),
    "a column that is none": (
        'key = ["phone"]',
        'key = ["fone"]',
        "names the column 'fone', which is none: is it 'phone'?",
    ),
    "no key": ('key = ["phone"]', "key = []", "blocking rule phone must have a list of columns as key"),
    "a rule twice": ('name = "phone"\nkey', 'name = "email"\nkey', "two of [[blocking_rule]] are named 'email'"),
    "a kind that is none": ('kind = "exact"', 'kind = "exakt"', "has kind = 'exakt', which is none: is it 'exact'?"),
    "a level's rule that is none": ('rule = "jaro_winkler"', 'rule = "jaro"', "rule = 'jaro', which is none"),
    "a similarity above 1": ("at_least = 0.9", "at_least = 9", "at_least = 9: a similarity is 1 at most"),
    "a similarity without its least": (", at_least = 0.9 }", " }", "level close lacks 'at_least'"),
    "a role that is none": ('role = "given"', 'role = "giver"', "has role = 'giver', which is none: is it 'given'?"),
    "bins that rise": ("bins = [0.01, 0.003", "bins = [0.003, 0.01", "[frequency] bins must be shares between 0 and 1"),
    "too few bins": ("bins = [0.01, ", "bins = [", "[frequency] bins"),
    "finer than nothing": ('unless = "postcode"', 'unless = "postcod"', "has unless = 'postcod', which is none"),
    "strangers would merge": ("absent = -1.5", "absent = -0.5", "absent must be below both stops"),
    "a strategy that is none": ('"most_frequent"', '"most_often"', "most_often"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    before, after, said = WRONG[name]
    path = changed(tmp_path, before, after)
    with pytest.raises(UnusableInput) as caught:
        read_declaration(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="cannot be read"):
        read_declaration(tmp_path / "model.toml")
