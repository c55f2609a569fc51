"""Names in an e-mail address: read where the record leaves one out, and only where what it says stands beside it."""

from __future__ import annotations

import pytest

from profile_service.identity.mailbox import KnownNames, names_in_mailbox
from profile_service.identity.spelling import Spellings
from profile_service.identity.standardise import standardise_record
from profile_service.identity.vocabulary import packaged_vocabulary
from tests.linkage_world import Learned, raw


def spellings(**counts: int) -> Spellings:
    return Spellings(counts, least_count=4, times_as_frequent=10, least_length=4)


KNOWN = KnownNames(
    spellings(luis=90, mark=80, anna=70, annabelle=30, robert=200, thomas=150),
    spellings(martinez=60, cox=20, adams=50, belle=5, thomas=30, lopez=40),
    packaged_vocabulary(),
)


@pytest.mark.parametrize(
    ("local", "given", "family", "told"),
    [
        ("luis.martinez", "luis", None, (None, "martinez")),
        ("luis_borowitz", "luis", None, (None, "borowitz")),
        ("martinezluis7", "luis", None, (None, "martinez")),
        ("lmartinez", "luis", None, (None, "martinez")),
        ("martinezl77", "luis", None, (None, "martinez")),
        ("robert.cox", "bob", None, (None, "cox")),
        ("theadamss445", "luis", None, (None, "adams")),
        ("adamsfamily", "luis", None, (None, "adams")),
        ("luis1968", "luis", None, (None, None)),
        ("annabelle", "anna", None, (None, None)),
        ("luis.family", "luis", None, (None, None)),
        ("sunnybeach12", "luis", None, (None, None)),
        ("mark.lopez78", None, "lopez", ("mark", None)),
        ("marklopez", None, "lopez", ("mark", None)),
        ("mlopez", None, "lopez", ("m", None)),
        ("marklopez", "m", "lopez", ("mark", None)),
        ("marklopez", "r", "lopez", (None, None)),
        ("lopezhome", None, "lopez", (None, None)),
        ("mark.martinezcruz", None, "martinez cruz", ("mark", None)),
        ("luis.martinez", None, None, ("luis", "martinez")),
        ("martinez.luis", None, None, ("luis", "martinez")),
        ("luismartinez", None, None, (None, None)),
        ("luis.martinez", "mark", "cox", (None, None)),
        ("1968", "luis", None, (None, None)),
    ],
)
def test_a_mailbox_tells_the_name_that_stands_beside_what_the_record_says(
    local: str, given: str | None, family: str | None, told: tuple[str | None, str | None]
) -> None:
    assert names_in_mailbox(local, given, family, KNOWN) == told


def test_what_a_mailbox_tells_is_compared_and_not_said(learned: Learned) -> None:
    record = standardise_record(raw(family_name="Smith", email="robert.smith@example.com"), learned.model, {})
    assert (record["given_name"], record["given_fixed"], record["name_pair"]) == (None, "robert", "robert smith")
    initial = standardise_record(
        raw(given_name="R.", family_name="Smith", email="robert.smith@example.com"), learned.model, {}
    )
    assert (initial["given_name"], initial["given_fixed"]) == ("r", "robert")


def test_a_mailbox_that_too_many_share_tells_no_name(learned: Learned) -> None:
    sent = raw(family_name="Smith", email="robert.smith@example.com")
    shared = {"email": {"robert.smith@example.com"}}
    assert standardise_record(sent, learned.model, shared)["given_fixed"] is None


def test_a_record_whose_own_name_is_nobodys_is_given_none_by_its_mailbox(learned: Learned) -> None:
    sent = raw(given_name="R", family_name="Smith", email="robert.smith@example.com")
    record = standardise_record(sent, learned.model, {"name_pair": {"r smith"}})
    assert (record["given_fixed"], record["family_fixed"], record["name_pair"]) == (None, None, None)
