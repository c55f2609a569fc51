"""A key opens what it was made for, while it stands, and is kept by nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from profile_service.errors import KeyRefused, NotFound, WrongUsage
from profile_service.keys import KeyGrant, Keys
from profile_service.store.ledger import Ledger

SECRET = b"a secret that only tests know, and they tell"
NOW = datetime.now(UTC)
DESK = KeyGrant("desk", ("profiles:read", "profiles:search"), mask=("birth_date",), rate_limit=60)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


def test_a_key_comes_back_with_what_it_was_granted(ledger: Ledger) -> None:
    keys = Keys(ledger, SECRET)
    wanted = KeyGrant("Shop.1", ("records:write",), "page", "web", True, ("email",), 9, NOW + timedelta(days=1))
    key = keys.verify(keys.create(wanted), NOW)
    assert {name: getattr(key, name) for name in vars(wanted)} == vars(wanted)
    assert key.allows("records:write")
    assert not key.allows("profiles:read")
    assert [each.name for each in keys.list()] == ["Shop.1"]


def test_the_text_of_a_key_is_in_no_file(ledger: Ledger, tmp_path: Path) -> None:
    text = Keys(ledger, SECRET).create(DESK)
    assert text.startswith("pk_desk_")
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert text.encode() not in content
        assert text[-40:].encode() not in content


REFUSED = {
    "nothing": "",
    "another text": "pk_desk_" + "a" * 52,
    "no text of ours": "Bearer x' OR 1=1 --",
    "unicode": "pk_désk_\U0001f600" + "\udcff",
    "very long": "pk_" + "x" * 100_000,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_key_is_refused(ledger: Ledger, text: str) -> None:
    keys = Keys(ledger, SECRET)
    keys.create(DESK)
    with pytest.raises(KeyRefused):
        keys.verify(text, NOW)


def test_one_letter_changed_is_refused_wherever_it_stands(ledger: Ledger) -> None:
    keys = Keys(ledger, SECRET)
    text = keys.create(DESK)
    for place in range(len(text)):
        other = text[:place] + ("b" if text[place] != "b" else "c") + text[place + 1 :]
        with pytest.raises(KeyRefused):
            keys.verify(other, NOW)


def test_a_key_of_another_secret_is_refused(ledger: Ledger) -> None:
    text = Keys(ledger, SECRET).create(DESK)
    with pytest.raises(KeyRefused):
        Keys(ledger, SECRET[::-1]).verify(text, NOW)


def test_a_revocation_binds_at_once_in_every_process(ledger: Ledger, tmp_path: Path) -> None:
    here, elsewhere = Keys(ledger, SECRET), Ledger.open(tmp_path / "ledger.sqlite")
    there = Keys(elsewhere, SECRET)
    text, other = here.create(DESK), here.create(replace(DESK, name="other"))
    assert here.verify(text, NOW).name == there.verify(text, NOW).name == "desk"
    there.revoke("desk")
    for keys in (here, there):
        with pytest.raises(KeyRefused):
            keys.verify(text, NOW)
        assert keys.verify(other, NOW).name == "other"
    assert [key.revoked_at is not None for key in here.list()] == [True, False]
    elsewhere.close()


def test_a_revocation_binds_while_many_threads_check(ledger: Ledger) -> None:
    keys = Keys(ledger, SECRET)
    text = keys.create(DESK)
    revoked, accepted_after, ready = threading.Event(), [], threading.Barrier(5)

    def check() -> None:
        ready.wait()
        for _ in range(400):
            late = revoked.is_set()
            try:
                keys.verify(text, NOW)
            except KeyRefused:
                continue
            if late:
                accepted_after.append(True)

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait()
    keys.revoke("desk")
    revoked.set()
    for thread in threads:
        thread.join()
    assert accepted_after == []


def test_a_key_expires_although_it_was_checked_before(ledger: Ledger) -> None:
    keys = Keys(ledger, SECRET)
    text = keys.create(replace(DESK, expires_at=NOW + timedelta(hours=1)))
    assert keys.verify(text, NOW)
    with pytest.raises(KeyRefused):
        keys.verify(text, NOW + timedelta(hours=1))


def test_a_name_is_taken_for_ever_and_an_unknown_one_is_said_so(ledger: Ledger) -> None:
    keys = Keys(ledger, SECRET)
    keys.create(DESK)
    keys.revoke("desk")
    with pytest.raises(WrongUsage, match="take another name"):
        keys.create(DESK)
    with pytest.raises(NotFound, match="no key named nobody"):
        keys.revoke("nobody")


WRONG = {
    "a field that there is not": {"mask": ("e-mail",)},
    "no scope": {"scopes": ()},
    "an unknown scope": {"scopes": ("profiles:write",)},
    "an unknown audience": {"audience": "everyone"},
    "a name with a space": {"name": "the desk"},
    "a name with a line": {"name": "desk\n"},
    "no requests": {"rate_limit": 0},
    "a time without zone": {"expires_at": datetime(2027, 1, 1)},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_grant_that_means_nothing_is_refused(ledger: Ledger, wrong: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage):
        Keys(ledger, SECRET).create(replace(DESK, **wrong))
    assert list(Keys(ledger, SECRET).list()) == []
