"""People at the console: who gets in, who does not, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from profile_service.errors import NotFound, Refused, WrongUsage
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.user_rows import UserRow
from profile_service.users import ROLES, Lifetimes, User, Users
from tests.console_app import CHEAP, PASSWORD

ANNA = User("anna", "Anna Berg", "agent")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(tmp_path: Path, clock: Clock) -> Iterator[Users]:
    ledger = Ledger.open(tmp_path / "ledger.sqlite", clock=clock)
    yield Users(ledger, b"s" * 32, Lifetimes(), CHEAP)
    ledger.close()


def refused(do: Callable[[], object]) -> str:
    with pytest.raises(Refused) as error:
        do()
    return str(error.value)


def test_who_knows_the_password_has_a_session_with_role_and_name(users: Users, clock: Clock) -> None:
    users.create(ANNA, PASSWORD)
    session = users.session(users.sign_in("anna", PASSWORD), clock.now)
    assert session is not None
    assert (session.user.display_name, session.user.may("find"), session.user.may("privacy")) == (
        "Anna Berg",
        True,
        False,
    )


def test_a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words(users: Users) -> None:
    users.create(ANNA, PASSWORD)
    assert refused(lambda: users.sign_in("anna", "wrong")) == refused(lambda: users.sign_in("nobody", PASSWORD))


def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(users: Users, clock: Clock) -> None:
    users.create(ANNA, PASSWORD)
    for _ in range(5):
        refused(lambda: users.sign_in("anna", "wrong"))
    assert users.list(clock.now)[0].locked
    refused(lambda: users.sign_in("anna", PASSWORD))
    clock.wait(minutes=16)
    assert users.sign_in("anna", PASSWORD)


def test_a_right_password_forgets_the_wrong_ones_before_it(users: Users, clock: Clock) -> None:
    users.create(ANNA, PASSWORD)
    for _ in range(3):
        for _ in range(4):
            refused(lambda: users.sign_in("anna", "wrong"))
        users.sign_in("anna", PASSWORD)
    assert not users.list(clock.now)[0].locked


def test_who_is_locked_can_be_let_in_again(users: Users) -> None:
    users.create(ANNA, PASSWORD)
    for _ in range(5):
        refused(lambda: users.sign_in("anna", "wrong"))
    users.change("anna", {"locked": False})
    assert users.sign_in("anna", PASSWORD)


def test_a_session_ends_unused_and_after_its_whole_time(users: Users, clock: Clock) -> None:
    users.create(ANNA, PASSWORD)
    idle, long = users.sign_in("anna", PASSWORD), users.sign_in("anna", PASSWORD)
    for _ in range(29):
        clock.wait(minutes=20)
        assert users.session(long, clock.now), "it is used every twenty minutes"
    assert users.session(idle, clock.now) is None
    clock.wait(minutes=25)
    assert users.session(long, clock.now) is None, "ten hours are over"


@pytest.mark.parametrize("change", [{"disabled": True}, {"password": "another long pass phrase"}, {"role": "lead"}])
def test_sessions_end_when_the_user_is_no_longer_who_began_them(
    users: Users, clock: Clock, change: dict[str, object]
) -> None:
    users.create(ANNA, PASSWORD)
    token = users.sign_in("anna", PASSWORD)
    users.change("anna", change)
    assert users.session(token, clock.now) is None


def test_who_is_disabled_does_not_get_in(users: Users) -> None:
    users.create(ANNA, PASSWORD)
    users.change("anna", {"disabled": True})
    refused(lambda: users.sign_in("anna", PASSWORD))


def test_a_password_that_is_changed_while_it_is_tried_opens_nothing(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.create(ANNA, PASSWORD)
    matches = users._matches

    def slowly(row: UserRow | None, password: str) -> bool:
        right = matches(row, password)
        users.change("anna", {"password": "another long pass phrase"})
        return right

    monkeypatch.setattr(users, "_matches", slowly)
    refused(lambda: users.sign_in("anna", PASSWORD))


def test_signing_out_ends_that_session_and_no_other(users: Users, clock: Clock) -> None:
    users.create(ANNA, PASSWORD)
    here, there = users.sign_in("anna", PASSWORD), users.sign_in("anna", PASSWORD)
    users.sign_out(here)
    assert users.session(here, clock.now) is None
    assert users.session(there, clock.now)


def test_nobody_signs_in_by_password_whom_the_provider_signs_in(users: Users) -> None:
    users.create(User("sam", "Sam", "steward", subject="https://id.example/1"), None)
    refused(lambda: users.sign_in("sam", ""))
    assert users.sign_in_subject("https://id.example/1")
    refused(lambda: users.sign_in_subject("https://id.example/2"))


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (User("Anna", "Anna", "agent"), PASSWORD),
        (User("anna", "Anna", "queen"), PASSWORD),
        (User("anna", " ", "agent"), PASSWORD),
        (User("anna", "Anna", "agent"), "short"),
        (User("anna", "Anna", "agent"), "my name is anna, hello"),
        (User("anna", "Anna", "agent"), "aaaaaaaaaaaaaaaa"),
        (User("anna", "Anna", "agent"), "x" * 300),
    ],
)
def test_what_makes_no_user_is_refused(users: Users, user: User, password: str) -> None:
    with pytest.raises(WrongUsage):
        users.create(user, password)


def test_a_name_is_given_once(users: Users) -> None:
    users.create(ANNA, PASSWORD)
    with pytest.raises(WrongUsage):
        users.create(ANNA, PASSWORD)
    with pytest.raises(NotFound):
        users.change("nobody", {"role": "lead"})


def test_no_role_may_do_what_none_knows() -> None:
    assert {permission for may in ROLES.values() for permission in may} == {
        "find", "verify", "note", "correct", "reveal", "review", "privacy", "overview", "users", "feeds",
            "oversee",
    }  # fmt: skip


def test_passwords_cost_what_argon2_asks_for(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    users = Users(ledger, b"s" * 32)
    users.create(ANNA, PASSWORD)
    (kept,) = ledger.read().connection.execute("SELECT password FROM users").fetchone()  # type: ignore[attr-defined]
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept
    ledger.close()


def test_a_refused_sign_in_costs_the_same_whoever_is_named(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    users.create(ANNA, PASSWORD)
    users.create(User("gone", "Gone", "agent"), PASSWORD)
    users.change("gone", {"disabled": True})
    users.create(User("locked", "Locked", "agent"), PASSWORD)
    for _ in range(5):
        refused(lambda: users.sign_in("locked", "wrong wrong wrong"))
    work: list[str] = []

    class Counting(type(CHEAP)):  # type: ignore[misc]
        def verify(self, *given: object) -> bool:
            work.append("hash")
            return bool(super().verify(*given))

    hasher = Counting(time_cost=CHEAP.time_cost, memory_cost=CHEAP.memory_cost, parallelism=CHEAP.parallelism)
    monkeypatch.setattr(users, "_hasher", hasher)
    ledger = users._ledger
    ledger.read().connection.set_trace_callback(lambda said: work.append(said.split()[0]))  # type: ignore[attr-defined]
    with ledger.write() as tx:
        tx.session.connection.set_trace_callback(lambda said: work.append(said.split()[0]))  # type: ignore[attr-defined]

    def worked(name: str, password: str) -> list[str]:
        work.clear()
        refused(lambda: users.sign_in(name, password))
        return ["write" if each in ("INSERT", "UPDATE") else each for each in work]

    known = worked("anna", "wrong wrong wrong")
    assert known.count("hash") == 1 and known.count("write") == 1 and known.count("COMMIT") == 1
    for name, password in (
        ("nobody", "wrong wrong wrong"),
        ("No\ud800body", "wrong wrong wrong"),
        ("locked", PASSWORD),
        ("gone", PASSWORD),
    ):
        assert worked(name, password) == known, name
