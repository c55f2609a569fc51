"""API keys: making them, checking them at every request, revoking them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from profile_service.contracts.masks import MASKABLE
from profile_service.errors import KeyRefused, NotFound, WrongUsage
from profile_service.store.ledger import Glance, Ledger, Transaction
from profile_service.store.ledger.key_rows import (
    KeyRow,
    add_key,
    find_key,
    key_named,
    list_keys,
    revoke_key,
)

SCOPES = (
    "profiles:read",
    "profiles:search",
    "profiles:explain",
    "personalise",
    "records:write",
    "events:write",
    "consents:write",
    "reviews",
    "privacy",
    "messages:read",
    "messages:write",
    "campaigns:write",
    "campaigns:approve",
    "metrics",
    "calls:write",
)
AUDIENCES = ("agent", "page", "analyst", "subject")

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.IGNORECASE)
_TEXT = re.compile(r"pk_[a-z0-9]{1,20}_([a-z2-7]{12})[a-z2-7]{40}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PUBLIC, _PRIVATE = 12, 40  # letters: 60 bits to find a key by, 200 bits to know it by
_SIGN = 32  # bytes
_MOST_KEPT = 10_000  # keys checked before, in one process


@dataclass(frozen=True)
class KeyGrant:
    """What a new key may do, and whose it is.

    ``audience`` decides which view of a profile it is shown, ``mask`` names fields hidden further. ``trusted``: it may
    write authenticated records. ``rate_limit``: requests a minute, ``None`` for the service's own limit.
    """

    name: str
    scopes: tuple[str, ...]
    audience: str = "agent"
    channel: str | None = None
    trusted: bool = False
    mask: tuple[str, ...] = ()
    rate_limit: int | None = None
    expires_at: datetime | None = None

    def check(self) -> None:
        """Raise ``WrongUsage`` for what cannot be granted."""
        if not _NAME.fullmatch(self.name):
            raise WrongUsage("a key's name is letters, digits, '.', '_' and '-', at most 64, such as storefront-web")
        unknown = sorted(set(self.scopes) - set(SCOPES))
        if unknown or not self.scopes:
            said = f"there is no scope {unknown[0]}" if unknown else "a key needs a scope"
            raise WrongUsage(f"{said}; there are: {', '.join(SCOPES)}")
        if self.audience not in AUDIENCES:
            raise WrongUsage(f"there is no audience {self.audience}; there are: {', '.join(AUDIENCES)}")
        unmaskable = sorted(set(self.mask) - MASKABLE)
        if unmaskable:
            raise WrongUsage(f"there is no field {unmaskable[0]} to mask; there are: {', '.join(sorted(MASKABLE))}")
        if self.rate_limit is not None and self.rate_limit < 1:
            raise WrongUsage("a rate limit is at least one request a minute")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise WrongUsage("the time at which a key expires needs its time zone")


@dataclass(frozen=True)
class Key(KeyGrant):
    """A key as it stands; its text is kept by nobody."""

    public_part: str = ""
    created_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def name_and_part(self) -> str:
        """What logs call it."""
        return f"{self.name}/{self.public_part}"

    def standing(self, now: datetime) -> bool:
        """Whether it opens anything at ``now``."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def allows(self, scope: str) -> bool:
        """Whether it was made for that."""
        return scope in self.scopes


class Keys:
    """The keys of one ledger, known by their HMAC-SHA256 under the server's secret."""

    def __init__(self, ledger: Ledger, secret: bytes) -> None:
        self._ledger = ledger
        self._secret = secret
        # of this process alone: a key that was checked is known again by a sign that takes a third of the time
        self._own = secrets.token_bytes(_SIGN)
        self._checked: tuple[int, dict[bytes, Key]] = (-1, {})

    def create(self, grant: KeyGrant, also: Callable[[Transaction, Key], None] | None = None) -> str:
        """Make a key; answers its text, this once. ``also`` is done in the same transaction, such as the audit.

        Raises ``WrongUsage`` for a name that is taken or a grant that means nothing.
        """
        grant.check()
        slug = re.sub(r"[^a-z0-9]", "", grant.name.lower())[:20] or "key"
        public, private = _letters(_PUBLIC), _letters(_PRIVATE)
        text = f"pk_{slug}_{public}{private}"
        with self._ledger.write() as tx:
            if key_named(tx.session, grant.name) is not None:
                raise WrongUsage(f"there is, or was, a key named {grant.name}: take another name")
            row = _row(grant, public, self._digest(text).hex(), tx.now)
            add_key(tx, row)
            if also is not None:
                also(tx, _key(row))
        return text

    def revoke(self, name: str, also: Callable[[Transaction, Key], None] | None = None) -> None:
        """Revoke a key: no worker takes it from the next request on. Raises ``NotFound`` for no such name."""
        with self._ledger.write() as tx:
            row = key_named(tx.session, name)
            if row is None:
                raise NotFound(f"there is no key named {name}: `profiles keys list` names them")
            revoke_key(tx, name, _text(tx.now))
            if also is not None:
                also(tx, _key(row))

    def list(self) -> Sequence[Key]:
        """Every key there ever was, oldest first."""
        return [_key(row) for row in list_keys(self._ledger.read())]

    def verify(self, text: str, now: datetime, glance: Glance | None = None) -> Key:
        """The key of that text. Raises ``KeyRefused`` when it is unknown, revoked or expired.

        One look at the ledger's count of changes makes a revocation bind at once in every worker; only a key that was
        not checked since the last change is looked up. ``glance``: that look, where the caller has just taken it.
        """
        version = (glance or self._ledger.glance()).keys_version
        checked_at, checked = self._checked
        if version != checked_at or len(checked) > _MOST_KEPT:
            # a thread that read the former count keeps the former dictionary: it puts nothing stale into this one
            checked = {}
            self._checked = (version, checked)
        # what is compared is never the text itself: how long it takes tells nothing of it
        sign = hashlib.blake2b(_bytes(text), key=self._own, digest_size=_SIGN).digest()
        key = checked.get(sign)
        if key is None:
            key = checked[sign] = self._find(text)
        if not key.standing(now):
            raise KeyRefused("this key is not known here, or not any more")
        return key

    def _find(self, text: str) -> Key:
        digest = self._digest(text)
        shape = _TEXT.fullmatch(text)
        row = find_key(self._ledger.read(), shape[1] if shape else "")
        kept = bytes.fromhex(row.digest) if row is not None else bytes(len(digest))
        if not hmac.compare_digest(kept, digest) or row is None:
            raise KeyRefused("this key is not known here, or not any more")
        return _key(row)

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._secret, _bytes(text), hashlib.sha256)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _row(grant: KeyGrant, public: str, digest: str, now: datetime) -> KeyRow:
    return KeyRow(
        name=grant.name,
        public_part=public,
        digest=digest,
        scopes=tuple(sorted(set(grant.scopes))),
        audience=grant.audience,
        channel=grant.channel,
        trusted=grant.trusted,
        mask=tuple(sorted(set(grant.mask))),
        rate_limit=grant.rate_limit,
        created_at=_text(now),
        expires_at=None if grant.expires_at is None else _text(grant.expires_at),
        revoked_at=None,
    )


def _key(row: KeyRow) -> Key:
    return Key(
        name=row.name,
        scopes=row.scopes,
        audience=row.audience,
        channel=row.channel,
        trusted=row.trusted,
        mask=row.mask,
        rate_limit=row.rate_limit,
        expires_at=_time(row.expires_at),
        public_part=row.public_part,
        created_at=_time(row.created_at),
        revoked_at=_time(row.revoked_at),
    )
