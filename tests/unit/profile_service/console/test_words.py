"""What the console's pages say of numbers."""

from __future__ import annotations

import pytest

from profile_service.console.words import odds


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.54, "one person in 54% of such cases"),
        (0.9966, "one person in over 99% of such cases"),
        (0.9999, "as good as certainly one person"),
        (0.0034, "two people in over 99% of such cases"),
        (0.0001, "as good as certainly two people"),
    ],
)
def test_no_share_of_cases_is_told_as_all_of_them_while_some_are_left(probability: float, said: str) -> None:
    assert odds(probability) == said
