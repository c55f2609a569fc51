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
        'key = ["phone_tail"]',
        'key = ["fone_tail"]',
        "names the column 'fone_tail', which is none: is it 'phone_tail'?",
    ),
    "a part of a key without length": (
        'key = ["phone_tail"]',
        'key = ["phone_tail:0"]',
        "names the column 'phone_tail:0', which is none: is it 'phone_tail'?",
    ),
    "no key": ('key = ["phone_tail"]', "key = []", "blocking rule phone must have a list of columns as key"),
    "a rule twice": ('name = "phone"\nkey', 'name = "email"\nkey', "two of [[blocking_rule]] are named 'email'"),
    "a kind that is none": ('kind = "exact"', 'kind = "exakt"', "has kind = 'exakt', which is none: is it 'exact'?"),
    "a level's rule that is none": ('rule = "jaro_winkler"', 'rule = "jaro"', "rule = 'jaro', which is none"),
    "a similarity above 1": ("at_least = 0.9", "at_least = 9", "at_least = 9: a similarity is 1 at most"),
    "a similarity without its least": (", at_least = 0.9 }", " }", "level close lacks 'at_least'"),
    "a role that is none": ('role = "given"', 'role = "giver"', "has role = 'giver', which is none: is it 'given'?"),
    "bins that rise": ("bins = [0.01, 0.003", "bins = [0.003, 0.01", "[frequency] bins must be shares between 0 and 1"),
    "times that rise": ("times = [6.0, 4.0", "times = [4.0, 6.0", "[whole_name] times must be above 1, falling"),
    "fewer times than bins": ("times = [6.0, ", "times = [", "and as many as [frequency] has bins"),
    "usual less than one": (
        "least_usual = 4.0",
        "least_usual = 0.5",
        "[whole_name] least_usual = 0.5 must be a number",
    ),
    "whole names that can differ": (
        "agreement_only = true",
        "agreement_only = false",
        "comparison whole_name must have the role together, agreement_only = true and one level in bins of name_pair",
    ),
    "too few bins": ("bins = [0.01, ", "bins = [", "[frequency] bins"),
    "finer than nothing": ('unless = "postcode"', 'unless = "postcod"', "has unless = 'postcod', which is none"),
    "strangers would merge": ("absent = -1.5", "absent = -0.5", "absent must be below both stops"),
    "a cap that lets nobody meet": (
        "\ncap = 60\n",
        "\ncap = 1\n",
        "[blocking] cap = 1 must be a whole number of 2 or more",
    ),
    "a cap beyond counting": ("\ncap = 60\n", "\ncap = 99999999999\n", "[blocking] cap = 99999999999 must be"),
    "half a record as cap": ("\ncap = 60\n", "\ncap = 60.5\n", "[blocking] cap = 60.5 must be a whole number"),
    "a budget below nothing": ("budget = 0.15", "budget = -1.0", "budget = -1.0 must be a number that is not negative"),
    "a budget beyond all pairs": ("budget = 0.15", "budget = 1e9", "[blocking] budget = 1000000000.0 must be a number"),
    "half a pair": (
        "least_pairs = 75000",
        "least_pairs = 0.5",
        "[blocking] least_pairs = 0.5 must be a whole number of 0 or more",
    ),
    "pairs beyond counting": ("least_pairs = 75000", "least_pairs = 99999999999", "least_pairs = 99999999999 must be"),
    "more customers merge than there are": (
        "merged_share = 0.05",
        "merged_share = 5",
        "[firewall] merged_share = 5 must be a number from 0 to 1",
    ),
    "more conflicts than customers": ("conflicting_share = 0.001", "conflicting_share = 1.01", "from 0 to 1"),
    "more ids anew than ids": ("restarted_share = 0.2", "restarted_share = 20", "from 0 to 1"),
    "more rows refused than rows": ("rejected_share = 0.5", "rejected_share = 50", "from 0 to 1"),
    "a customer of no records": (
        "largest_customer = 50",
        "largest_customer = 0",
        "must be a whole number of 1 or more",
    ),
    "half a birth date": ("conflicting_births = 3", "conflicting_births = 2.5", "must be a whole number of 1 or more"),
    "no step of learning": (
        "iterations = 60",
        "iterations = 0",
        "iterations = 0 must be a whole number from 1 to 10000",
    ),
    "an address alone makes one person": (
        "place_alone = -1.5",
        "place_alone = -0.5",
        "[mixture] place_alone = -0.5 must be below stop_dense = -1.4",
    ),
    "no density": ("dense = 2.3", "dense = 0", "[clustering] dense = 0 must be a number"),
    "agreement never": ("exact = 0.80", "exact = 0", "[mixture] exact = 0 must be a number"),
    "more than everybody": (
        "least_probability = 0.5",
        "least_probability = 7",
        "[household] least_probability = 7 must",
    ),
    "a stop nothing reaches": ("stop_dense = -1.4", "stop_dense = 99", "[clustering] stop_dense = 99 is beyond clip"),
    "a grey zone upside down": (
        "borderline_bits = [-6.0, 6.0]",
        "borderline_bits = [6.0, -6.0]",
        "[clustering] borderline_bits = [6.0, -6.0] must be the lower number first",
    ),
    "a prior whose least is its most": ("_least = 50", "_least = 5000", "pseudo_pairs_least = 5000 is more than"),
    "a use that is none": ('use = "where_ids_agree"', 'use = "nevr"', "[anchors] use = 'nevr' must be never or"),
    "a column that is not corrected": (
        'columns = ["given_name", "family_name"]',
        'columns = ["given_name"]',
        "[correction] columns must be given_name and family_name",
    ),
    "a similarity that any two reach": (
        "at_least = 0.9 ",
        "at_least = 0 ",
        "has at_least = 0, which any two values reach",
    ),
    "a beginning of no letters": ("length = 3", "length = 0", "length = 0, which must be a whole number of 1 or more"),
    "endless bits": (
        "most_bits = 4.5",
        "most_bits = inf",
        "most_bits = inf, which must be a number that is not negative",
    ),
    "each finer than the other": (
        'name = "postcode"\nrole = "place"\n',
        'name = "postcode"\nrole = "place"\nunless = "city"\n',
        "comparisons city and postcode name each other as unless",
    ),
    "a text for a flag": ("wide = true", 'wide = "no"', "has wide = 'no', which must be true or false"),
    "a text for another flag": (
        "unless_swapped = true",
        'unless_swapped = "no"',
        "unless_swapped = 'no', which must be",
    ),
    "one name for two levels": (
        '{ name = "corrected", kind = "near", rule = "same", column = "given_fixed", bins = "given_fixed" }',
        '{ name = "exact", kind = "near", rule = "same", column = "given_fixed" }',
        "comparison given_name has two levels named 'exact'",
    ),
    "a name that ends a string": (
        'name = "mailbox name"',
        'name = "it\'s mail"',
        "must be a text of letters, digits, spaces",
    ),
    "a name that is a number": ('name = "close mailbox"', "name = 5", "the name 5 must be a text"),
    "a model without a name": ('name = "four-channels"', 'name = ""', "the file: the name '' must be a text"),
    "a tie nobody compares": (
        'comparison = "device_id"',
        'comparison = "device"',
        "[[household.tie]] device_id names the",
    ),
    "a tie on a level that is none": (
        'levels = ["exact", "house"]',
        'levels = ["exact", "hose"]',
        "[[household.tie]] address names the level 'hose', which street has not",
    ),
    "a survivor that is no field": (
        "[survivorship.sex]",
        "[survivorship.sexx]",
        "survivorship.sexx: 'sexx' is no field",
    ),
    "one channel where several belong": (
        'channels = ["store", "web", "mobile", "call_center"]',
        'channels = "store"',
        "[survivorship] channels = 'store' must be a list of channels",
    ),
    "alike in a column that is none": (
        'same = "given_fixed"',
        'same = "given_fix"',
        "same = 'given_fix' is no standard",
    ),
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
