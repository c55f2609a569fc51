"""A declaration of traits: what it holds, and how each fault in one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from profile_service.errors import UnusableInput
from profile_service.traits import packaged_traits, read_traits

PACKAGED = packaged_traits().text


def test_the_packaged_declaration_is_as_it_must_be(tmp_path: Path) -> None:
    path = tmp_path / "traits.toml"
    path.write_text(PACKAGED, encoding="utf-8")
    assert read_traits(path) == packaged_traits()


def test_another_declaration_has_another_version(tmp_path: Path) -> None:
    path = tmp_path / "traits.toml"
    path.write_text(PACKAGED.replace("at_least = 500", "at_least = 600"), encoding="utf-8")
    assert read_traits(path).version != packaged_traits().version


@pytest.mark.parametrize(
    ("instead_of", "stands", "said"),
    [
        pytest.param('"orders", at_least', '"order", at_least', "names 'order', did you mean 'orders'?", id="a slip"),
        pytest.param(
            "within_days = 90", "within = 90", "within cannot be asked of first_purchase", id="no such question"
        ),
        pytest.param('"last_purchase", before_days', '"last_purchase", at_least', "which is a moment", id="kinds"),
        pytest.param('events = "purchase"', 'events = "purchases"', "did you mean 'purchase'?", id="no such group"),
        pytest.param('measure = "count"', 'measure = "number"', "measure must be one of count", id="no such measure"),
        pytest.param(
            'column = "first_seen"', 'column = "firstseen"', "did you mean 'first_seen'?", id="no such column"
        ),
        pytest.param(
            'share = "returns"', 'share = "last_purchase"', "that is a count or an amount", id="share of what"
        ),
        pytest.param("USD = 0.9", "USD = -1", "USD must be a number above 0", id="a rate below nothing"),
        pytest.param("USD = 0.9", "usd = 0.9", "three capital letters", id="no currency"),
        pytest.param("USD = 0.9", "EUR = 0.9", "is the currency itself", id="its own rate"),
        pytest.param('why = "How often something came back."', "", "must say why, in a sentence", id="no why"),
        pytest.param("within_days = 365", "within_days = 0", "a whole number of days", id="no days"),
        pytest.param('in_words = "{} in all"', 'in_words = "in all"', "must hold {} once", id="no place for the value"),
        pytest.param("[traits.returns]", "[traits.Returns]", "small letters", id="a name in capitals"),
        pytest.param("[traits.returns]", "[traits.segments]", "and not customer_id", id="a name that is taken"),
        pytest.param('["orders", "amount_last_year"]', '["returns_shar"]', "did you mean 'returns_share'?", id="told"),
        pytest.param(
            '["orders", "amount_last_year"]', '["first_seen"]', "which has no in_words", id="told without words"
        ),
        pytest.param("[money]", "[mony]", "did you mean 'money'?", id="no such section"),
        pytest.param("[segments.new]", "[segments.new", "is no TOML", id="no TOML"),
    ],
)
def test_a_fault_is_named_in_one_line(tmp_path: Path, instead_of: str, stands: str, said: str) -> None:
    assert instead_of in PACKAGED
    path = tmp_path / "traits.toml"
    path.write_text(PACKAGED.replace(instead_of, stands), encoding="utf-8")
    with pytest.raises(UnusableInput) as refused:
        read_traits(path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "traits.toml" in str(refused.value)
