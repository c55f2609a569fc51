"""The declared model: read, checked, packed, stored with its numbers and loaded again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pipelines.work import open_work
from profile_service.errors import UnusableInput
from profile_service.identity.compare import RULES
from profile_service.identity.mixture import CLASSES
from profile_service.identity.model import declared_model, packaged_model
from profile_service.identity.model_files import load_model, save_model, standing_model
from profile_service.identity.records import STANDARD_COLUMNS
from tests.linkage_world import Learned

PACKAGED = packaged_model()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml [",
        'name = "x"',
        PACKAGED.text.replace('kind = "exact"', 'sort = "exact"', 1),
        PACKAGED.text.replace("[clustering]", "[clusters]"),
        PACKAGED.text.replace('name = "email"\nkey = ["email"]', 'name = "email"'),
    ],
    ids=["empty", "no TOML", "no sections", "an unknown word in a level", "no clustering", "a rule without a key"],
)
def test_a_declaration_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(UnusableInput, match="model declaration"):
        declared_model(text)


def test_every_name_in_the_packaged_model_means_something() -> None:
    columns = set(STANDARD_COLUMNS)
    for comparison in PACKAGED.comparisons:
        assert set(comparison.columns) <= columns
        assert comparison.unless in ("", *(other.name for other in PACKAGED.comparisons))
        for level in comparison.levels:
            assert level.rule in RULES
            assert level.kind in ("exact", "near")
            assert {level.column or "email", level.and_column or "email"} <= columns
            assert not level.bins or level.bins in PACKAGED.binned
    for rule in PACKAGED.blocking_rules:
        assert set(rule.columns) <= columns


def test_levels_have_one_number_each_missing_first_and_differ_last() -> None:
    for comparison, outcomes in zip(PACKAGED.comparisons, PACKAGED.outcomes, strict=True):
        assert (outcomes[0].kind, outcomes[-1].kind) == ("missing", "exact" if comparison.agreement_only else "differ")
        assert [outcome.kind for outcome in outcomes].count("differ") == (not comparison.agreement_only)
        assert len({outcome.name for outcome in outcomes}) == len(outcomes)


def test_the_largest_pattern_fits_into_a_bigint() -> None:
    largest = tuple(radix - 1 for radix in PACKAGED.radices)
    assert PACKAGED.pack(largest) < 2**63
    assert PACKAGED.unpack(PACKAGED.pack(largest)) == largest


def test_the_more_frequent_a_value_the_lower_its_bin(learned: Learned) -> None:
    assert learned.model.trained is not None
    known = learned.model.trained.frequencies["given_fixed"].counts
    by_count = sorted(known, key=lambda name: known[name], reverse=True)
    bins = [learned.model.bin_of("given_fixed", name) for name in by_count]
    assert bins == sorted(bins)
    last = len(learned.model.settings["frequency"]["bins"])
    assert learned.model.bin_of("given_fixed", "never met") == last
    assert learned.model.bin_of("given_fixed", None) == last
    assert learned.model.bin_of("birth_place", "a column nobody filled") == last


def test_a_stored_model_comes_back_whole(learned: Learned, tmp_path: Path) -> None:
    stored = save_model(learned.model, tmp_path, "20260101T000000")
    again = load_model(tmp_path / stored.version)
    assert again.text == learned.model.text
    assert again.trained is not None
    assert learned.model.trained is not None
    assert again.trained.frequencies == learned.model.trained.frequencies
    assert again.trained.mixture.as_table() == learned.model.trained.mixture.as_table()
    assert again.trained.mixture.as_table()["classes"] == list(CLASSES)


def test_equal_models_have_equal_hashes_and_another_number_another(learned: Learned, tmp_path: Path) -> None:
    one = save_model(learned.model, tmp_path, "20260101T000000").version
    two = save_model(learned.model, tmp_path, "20270101T000000").version
    assert one.split("-")[1] == two.split("-")[1] == learned.model.version.split("-")[1]
    assert standing_model(tmp_path) is not None


def test_before_the_first_training_no_model_stands(tmp_path: Path) -> None:
    assert standing_model(tmp_path) is None


@pytest.mark.parametrize("lost", ["model.toml", "trained.json", "frequencies.json"])
def test_half_a_model_is_no_model(learned: Learned, tmp_path: Path, lost: str) -> None:
    version = save_model(learned.model, tmp_path, "20260101T000000").version
    (tmp_path / version / lost).unlink()
    with pytest.raises(UnusableInput, match="cannot be read"):
        standing_model(tmp_path)


def test_names_and_how_often_they_occur_are_shut_to_other_accounts(learned: Learned, tmp_path: Path) -> None:
    """Also in a model that an older version stored open to all, from the next run or training on."""
    models = tmp_path / "models"
    folder = models / save_model(learned.model, models, "20260101T000000").version

    def modes() -> dict[str, int]:
        return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    shut = dict.fromkeys(("model.toml", "trained.json", "frequencies.json"), 0o600)
    assert modes() == shut
    (folder / "frequencies.json").chmod(0o644)
    save_model(learned.model, models, "20270101T000000")
    assert modes() == shut
    (folder / "frequencies.json").chmod(0o644)
    open_work(tmp_path).close()
    assert modes() == shut


def test_an_untrained_model_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trained"):
        save_model(PACKAGED, tmp_path, "20260101T000000")
