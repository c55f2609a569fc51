"""Consent of a customer whose records disagree."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from profile_service.identity.consent import Statement, last_statement, standing_consent


def said(text: str) -> list[Statement]:
    """``yes@3 no@?`` as statements; @? is an unknown time."""
    statements = []
    for word in text.split():
        answer, _, day = word.partition("@")
        statements.append(Statement(answer, None if day == "?" else datetime(2025, 1, int(day), tzinfo=UTC)))
    return statements


@pytest.mark.parametrize(
    ("statements", "stands"),
    [
        ("", None),
        ("yes@1", "yes"),
        ("yes@?", "yes"),
        ("no@1", "no"),
        ("yes@1 no@2", "no"),
        ("no@1 yes@2", "yes"),
        ("no@2 yes@2", "no"),
        ("no@1 yes@2 no@3", "no"),
        ("no@1 yes@?", "no"),
        ("no@? yes@9", "no"),
        ("no@1 no@? yes@9", "no"),
    ],
)
def test_no_stands_unless_a_yes_is_newer_than_every_no(statements: str, stands: str | None) -> None:
    assert standing_consent(said(statements)) == stands
    assert standing_consent(list(reversed(said(statements)))) == stands


@pytest.mark.parametrize(
    ("versions", "last"),
    [
        ("", None),
        ("yes@1", "yes@1"),
        ("yes@1 yes@5", "yes@1"),
        ("no@1 yes@3 yes@5", "yes@3"),
        ("yes@1 no@3 yes@5", "yes@5"),
    ],
)
def test_a_record_that_repeats_itself_has_stated_once(versions: str, last: str | None) -> None:
    assert last_statement(said(versions)) == (said(last)[0] if last else None)
