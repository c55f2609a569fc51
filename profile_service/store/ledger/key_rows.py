"""API keys as rows of the ledger."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import bindparam, select, update

from profile_service.store.ledger.session import Row, Session
from profile_service.store.ledger.statement import Statement, adding
from profile_service.store.ledger.tables import KEYS, META
from profile_service.store.ledger.transaction import Transaction

KEYS_VERSION = "keys_version"


@dataclass(frozen=True)
class KeyRow:
    """A key as kept: ``digest`` is the HMAC of its text, hexadecimal; times are RFC 3339 in UTC."""

    name: str
    public_part: str
    digest: str
    scopes: tuple[str, ...]
    audience: str
    channel: str | None
    trusted: bool
    mask: tuple[str, ...]
    rate_limit: int | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None


_ALL = select(*KEYS.columns)
_BY_PART = Statement(_ALL.where(KEYS.c.public_part == bindparam("public_part")))
_BY_NAME = Statement(_ALL.where(KEYS.c.name == bindparam("name")))
_LIST = Statement(_ALL.order_by(KEYS.c.created_at, KEYS.c.name))
_ADD = adding(KEYS)
_REVOKE = Statement(
    update(KEYS)
    .where(KEYS.c.name == bindparam("which"), KEYS.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("revoked_at"))
)
_VERSION = Statement(select(META.c.value).where(META.c.name == KEYS_VERSION))


def keys_version(session: Session) -> int:
    """How often the keys were changed: what was checked at another count must be checked anew."""
    row = session.one(_VERSION, {})
    return 0 if row is None else int(row[0])


def find_key(session: Session, public_part: str) -> KeyRow | None:
    """The key of that public part."""
    row = session.one(_BY_PART, {"public_part": public_part})
    return None if row is None else _key(row)


def key_named(session: Session, name: str) -> KeyRow | None:
    """The key of that name."""
    row = session.one(_BY_NAME, {"name": name})
    return None if row is None else _key(row)


def list_keys(session: Session) -> list[KeyRow]:
    """Every key there ever was, oldest first."""
    return [_key(row) for row in session.all(_LIST, {})]


def add_key(tx: Transaction, key: KeyRow) -> None:
    """Add a key; its name and its public part are new."""
    values = vars(key) | {
        "scopes": orjson.dumps(key.scopes).decode(),
        "mask": orjson.dumps(key.mask).decode(),
        "trusted": int(key.trusted),
    }
    tx.session.do(_ADD, values)
    _count(tx)


def revoke_key(tx: Transaction, name: str, revoked_at: str) -> bool:
    """Revoke a key; answers whether it stood until now."""
    revoked = tx.session.do(_REVOKE, {"which": name, "revoked_at": revoked_at}) == 1
    _count(tx)
    return revoked


def _count(tx: Transaction) -> None:
    tx.set_meta(KEYS_VERSION, str(keys_version(tx.session) + 1))


def _key(row: Row) -> KeyRow:
    name, public_part, digest, scopes, audience, channel, trusted, mask, *rest = row
    return KeyRow(
        name,
        public_part,
        digest,
        tuple(orjson.loads(scopes)),
        audience,
        channel,
        bool(trusted),
        tuple(orjson.loads(mask)),
        *rest,
    )
