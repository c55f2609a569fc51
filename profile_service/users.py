"""People who work at the console: making them, signing them in and out, what each role may do."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from profile_service.errors import LedgerBusy, NotFound, Refused, WrongUsage
from profile_service.store.ledger import Ledger, Transaction
from profile_service.store.ledger.times import as_text, as_time
from profile_service.store.ledger.user_rows import (
    SessionRow,
    UserRow,
    add_user,
    begin_session,
    change_user,
    end_sessions,
    end_stale_sessions,
    list_users,
    note_seen,
    session_of,
    user_named,
    user_of_subject,
)

# What may be done at the console, by role; `reveal` is to see personal data without verifying a caller, for a reason;
# `feeds` is to read rows that were refused, `oversee` to change what others have noted.
ROLES: Mapping[str, frozenset[str]] = {
    "agent": frozenset({"find", "verify", "note", "correct"}),
    "lead": frozenset({"find", "verify", "note", "correct", "reveal", "overview", "feeds", "oversee"}),
    "steward": frozenset({"find", "reveal", "note", "correct", "review", "overview", "feeds", "oversee"}),
    "marketer": frozenset({"overview"}),
    "privacy_officer": frozenset({"find", "reveal", "note", "privacy", "overview"}),
    "admin": frozenset({"overview", "users", "feeds"}),
}
SHORTEST_PASSWORD = 12  # characters: NIST SP 800-63B asks for length, not for kinds of characters
_LONGEST_PASSWORD = 256  # what costs more to hash than it is worth
_MOST_FAILURES = 5
_LOCKED = timedelta(minutes=15)
_SEEN_EVERY = timedelta(seconds=60)  # a session's last use is written down this often at most
_SEEN_WAITS = 0.05  # seconds: a page is not held up for that note

_REFUSED = "sign_in_refused_at"
_NOBODY = "-"  # no user can be named so
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_WRONG = "the name or the password is wrong, or this account is locked for a while"


@dataclass(frozen=True)
class User:
    """Somebody who works at the console; ``locked``: too many wrong passwords lately."""

    name: str
    display_name: str
    role: str
    disabled: bool = False
    locked: bool = False
    subject: str | None = None

    def may(self, permission: str) -> bool:
        """Whether the user's role allows it."""
        return permission in ROLES[self.role]


@dataclass(frozen=True)
class SignedIn:
    """A session that stands: its user, its digest, and the token that forms of this session carry."""

    user: User
    digest: str
    form_token: str


@dataclass(frozen=True)
class Lifetimes:
    """How long a session lasts unused, and in all."""

    idle: timedelta = timedelta(minutes=30)
    whole: timedelta = timedelta(hours=10)


class Users:
    """The users of one ledger; ``hasher`` is what passwords cost."""

    def __init__(
        self,
        ledger: Ledger,
        secret: bytes,
        lifetimes: Lifetimes | None = None,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._ledger = ledger
        self._secret = secret
        self.lifetimes = lifetimes or Lifetimes()
        self._hasher = hasher or PasswordHasher()
        # somebody unknown is to be refused after the same work as a wrong password
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def create(
        self,
        user: User,
        password: str | None,
        also: Callable[[Transaction], None] = lambda tx: None,
    ) -> None:
        """Make a user; without a password only the OpenID provider signs it in. ``also`` in the same transaction.

        Raises ``WrongUsage`` for a name that is taken, an unknown role, or a password that is too short.
        """
        if not _NAME.fullmatch(user.name):
            raise WrongUsage("a user's name is small letters, digits, '.', '_' and '-', at most 64, such as anna.berg")
        if user.role not in ROLES:
            raise WrongUsage(f"there is no role {user.role}; there are: {', '.join(ROLES)}")
        if not user.display_name.strip() or len(user.display_name) > 100:
            raise WrongUsage("a user is shown by a name of 1 to 100 characters")
        hashed = None if password is None else self._hashed(user.name, password)
        with self._ledger.write() as tx:
            if user_named(tx.session, user.name) is not None:
                raise WrongUsage(f"there is a user {user.name} already")
            row = UserRow(user.name, user.display_name.strip(), user.role, hashed, user.subject, as_text(tx.now))
            add_user(tx.session, row)
            also(tx)

    def change(
        self, name: str, change: Mapping[str, object], also: Callable[[Transaction], None] = lambda tx: None
    ) -> None:
        """Change ``role``, ``display_name``, ``password``, ``subject``, ``disabled`` or ``locked`` (False unlocks).

        A new password or role, and being disabled, end all of the user's sessions. Raises ``NotFound``, ``WrongUsage``.
        """
        said = dict(change)
        password = said.pop("password", None)
        hashed = None if password is None else self._hashed(name, str(password))
        if "role" in said and said["role"] not in ROLES:
            raise WrongUsage(f"there is no role {said['role']}; there are: {', '.join(ROLES)}")
        with self._ledger.write() as tx:
            row = user_named(tx.session, name)
            if row is None:
                raise NotFound(f"there is no user {name}: `profiles users list` names them")
            disabled = said.pop("disabled", None)
            if disabled is not None:
                row = replace(row, disabled_at=as_text(tx.now) if disabled else None)
            if said.pop("locked", None) is False or hashed is not None:
                row = replace(row, failures=0, locked_until=None)
            if hashed is not None:
                row = replace(row, password=hashed)
            row = replace(row, **said)  # type: ignore[arg-type]
            change_user(tx.session, row)
            if disabled or hashed is not None or "role" in said:
                end_sessions(tx.session, user_name=name)
            also(tx)

    def list(self, now: datetime) -> Sequence[User]:
        """Every user, by name."""
        return [_user(row, now) for row in list_users(self._ledger.read())]

    def knows(self, name: str) -> bool:
        """Whether there is a user of that name."""
        return _NAME.fullmatch(name) is not None and user_named(self._ledger.read(), name) is not None

    def sign_in(self, name: str, password: str) -> str:
        """A new session for who knows the password; answers its token. Raises ``Refused`` without saying why.

        Five wrong passwords in a row lock the account for a quarter of an hour.
        """
        # whoever is refused has cost the same, known or not: two look-ups, a hash, and one value written and committed
        name = name if _NAME.fullmatch(name) else _NOBODY
        asked = user_named(self._ledger.read(), name)
        right = self._matches(asked, password[: _LONGEST_PASSWORD + 1])
        with self._ledger.write() as tx:
            row = user_named(tx.session, name)
            locked = row is not None and row.locked_until is not None and as_time(row.locked_until) > tx.now
            if row is None or asked is None or row.password != asked.password or locked:
                # a password changed while this one was tried opens nothing now, though it was right then
                tx.set_meta(_REFUSED, as_text(tx.now))
            elif not right:
                failures = row.failures + 1
                until = as_text(tx.now + _LOCKED) if failures >= _MOST_FAILURES else None
                change_user(
                    tx.session, replace(row, failures=0 if until else failures, locked_until=until or row.locked_until)
                )
            elif row.disabled_at is not None:
                tx.set_meta(_REFUSED, as_text(tx.now))
            else:
                change_user(tx.session, replace(row, failures=0, locked_until=None))
                return self._begin(tx, row)
        # outside the transaction: the failure is to be kept
        raise Refused("unauthorised", _WRONG)

    def sign_in_subject(self, subject: str) -> str:
        """A new session for whom the OpenID provider calls ``subject`` (issuer and sub). Raises ``Refused``."""
        with self._ledger.write() as tx:
            row = user_of_subject(tx.session, subject)
            if row is None or row.disabled_at is not None:
                raise Refused("unauthorised", "nobody here is known by this account: ask an administrator to add it")
            return self._begin(tx, row)

    def session(self, token: str, now: datetime, *, in_use: bool = True) -> SignedIn | None:
        """The session of a token, or ``None`` when it has ended, expired, or its user is disabled.

        ``in_use``: whether somebody did something, rather than a page that asks by itself.
        """
        found = session_of(self._ledger.read(), self._digest(token))
        if found is None or not self._stands(found, now):
            return None
        if in_use and now - as_time(found.seen_at) > _SEEN_EVERY:
            # where others write just now, the next click notes it
            with suppress(LedgerBusy), self._ledger.write(_SEEN_WAITS) as tx:
                note_seen(tx.session, found.digest, as_text(now))
        return SignedIn(_user(found.user, now), found.digest, self._form_token(found.digest))

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._ledger.write() as tx:
            end_sessions(tx.session, [self._digest(token)])

    def form_token(self, of: str) -> str:
        """What a form carries that ``of`` sends: a session's digest, or the cookie of who is not signed in."""
        return self._form_token(of)

    def _begin(self, tx: Transaction, row: UserRow) -> str:
        end_stale_sessions(tx.session, as_text(tx.now - self.lifetimes.idle), as_text(tx.now - self.lifetimes.whole))
        token = secrets.token_urlsafe(32)
        begin_session(tx.session, self._digest(token), row.name, as_text(tx.now))
        return token

    def _stands(self, found: SessionRow, now: datetime) -> bool:
        return (
            found.user.disabled_at is None
            and now - as_time(found.seen_at) <= self.lifetimes.idle
            and now - as_time(found.began_at) <= self.lifetimes.whole
        )

    def _hashed(self, name: str, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
            raise WrongUsage(f"a password has {SHORTEST_PASSWORD} to {_LONGEST_PASSWORD} characters")
        if name.lower() in password.lower() or len(set(password)) < 5:
            raise WrongUsage("a password holds neither the user's name nor a few characters over and over")
        return self._hasher.hash(password)

    def _matches(self, row: UserRow | None, password: str) -> bool:
        kept = row.password if row is not None and row.password is not None else self._nobody
        try:
            return self._hasher.verify(kept, password) and kept is not self._nobody
        except (VerificationError, InvalidHashError):
            return False

    def _digest(self, token: str) -> str:
        return hmac.digest(self._secret, f"session:{token}".encode("utf-8", "surrogatepass"), hashlib.sha256).hex()

    def _form_token(self, of: str) -> str:
        return hmac.digest(self._secret, f"form:{of}".encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def _user(row: UserRow, now: datetime) -> User:
    locked = row.locked_until is not None and as_time(row.locked_until) > now
    return User(row.name, row.display_name, row.role, row.disabled_at is not None, locked, row.subject)
