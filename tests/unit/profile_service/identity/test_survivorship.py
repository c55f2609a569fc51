"""Rules of survivorship: how they are declared and how values are written for people."""

from __future__ import annotations

from typing import Any

import pytest

from profile_service.errors import UnusableInput
from profile_service.identity.model import packaged_model
from profile_service.identity.survivorship import POSITION_BITS, STRATEGIES, survivorship_from, tidy, titled


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("SMITH", "Smith"),
        ("smith", "Smith"),
        ("McDonald", "McDonald"),
        ("O'BRIEN-SMITH", "O'Brien-Smith"),
        ("josé maría", "José María"),
        ("12 ST JOHN'S RD", "12 St John's Rd"),
        ("flat 2b", "Flat 2b"),
        ("de la Cruz", "de la Cruz"),
        ("1234", "1234"),
        ("ΝΊΚΟΣ ΠΑΠΑΔΌΠΟΥΛΟΣ", "Νίκος Παπαδόπουλος"),
        ("ΝΊΚΟΣ'S ΣΟΥΒΛΆΚΙ", "Νίκος's Σουβλάκι"),
        ("İZMİR", "İzmir"),
        ("straße", "Straße"),
        ("groẞ", "groẞ"),
        ("ǆon ŉ ﬁn", "Ǆon ŉ ﬁn"),
        ("JOSE\u0301PHINE", "Jose\u0301phine"),
        ("L'ÉTÉ'S L'SÉJOUR", "L'Été's L'Séjour"),
        ("ⓐb Ⓐ", "ⓐb Ⓐ"),
        ("ⓐb", "ⓐB"),
        ("ⓐⓑ", "ⓐⓑ"),
    ],
)
def test_only_a_text_in_one_case_is_titled(sent: str, shown: str) -> None:
    assert titled(sent) == shown
    assert titled(shown) == shown


def test_tidying_leaves_single_spaces() -> None:
    assert tidy("  12\tHigh \n Street ") == "12 High Street"


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"email": {"order": ["loudest"]}}, "no strategy loudest"),
        ({"email": {"order": ["longest", "longest"]}}, "twice"),
        ({"email": {"show": "shouted"}}, "cannot show as shouted"),
        ({"email": {"sort": []}}, "no option sort"),
        ({"email": {"needs": ["phone"]}}, "phone is not among its fields"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnusableInput, match=complaint):
        survivorship_from(table)


def test_all_strategies_together_fit_into_one_packed_key() -> None:
    assert sum(strategy.bits for strategy in STRATEGIES.values()) + POSITION_BITS <= 64


def test_a_rule_takes_the_common_channel_rank_unless_it_has_its_own() -> None:
    rules = survivorship_from({"channels": ["web", "store"], "email": {}, "phone": {"channels": ["mobile"]}})
    assert rules["email"].channels == ("web", "store")
    assert rules["phone"].channels == ("mobile",)


def test_every_rule_of_the_packaged_model_is_readable_where_values_can_be_generic() -> None:
    model = packaged_model()
    generic = set(model.settings["generic"]["columns"])
    for rule in model.survivorship.values():
        assert generic & set(rule.fields) <= set(rule.readable), rule.name
