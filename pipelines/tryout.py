"""Calls to copy, against the data at hand, with a key that lasts as long as the service that is tried."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from profile_service.audit import Act, Audit
from profile_service.errors import NotFound
from profile_service.keys import KeyGrant, Keys
from profile_service.settings import Settings
from profile_service.store.generation import open_standing
from profile_service.store.ledger import Ledger

_SCOPES = ("profiles:read", "profiles:search", "profiles:explain", "records:write", "events:write", "consents:write")
_ACTOR = "cli:serve"
_LONGEST = timedelta(days=1)
# Somebody whom it is worth looking at: in several channels, with an e-mail of their own.
_SOMEBODY = """
    SELECT c.customer_id, c.email, c.full_name
    FROM customers c JOIN customer_identifiers i ON i.customer_id = c.customer_id AND i.value = c.email
    WHERE NOT i.shared AND c.full_name IS NOT NULL
    ORDER BY channel_count DESC, event_count DESC, c.customer_id LIMIT 1"""


@dataclass(frozen=True)
class Tryout:
    """A key, and whom to ask about: id, e-mail and name, or nobody."""

    key: str
    somebody: tuple[str, str, str] | None

    def lines(self, address: str) -> Iterator[str]:
        """What to print: the key, and calls of which each works as it stands."""
        yield "a key to try, good until the service ends:"
        yield self.key
        yield ""
        if self.somebody is None:
            yield "nothing is published yet: profiles run LANDING"
            return
        customer_id, email, name = self.somebody
        record = {"channel": "web", "source_record_id": "try-1", "full_name": name, "email": email}
        yield "calls to copy: by e-mail, by name, a customer's events, why it is one customer, a record taken in now"
        yield self._curl(f"{address}/v1/profiles/by/email/{quote(email)}")
        yield self._curl(f"{address}/v1/profiles/search", {"query": _misspelt(name)})
        yield self._curl(f"{address}/v1/profiles/{customer_id}/timeline?limit=5")
        yield self._curl(f"{address}/v1/profiles/{customer_id}/explain")
        yield self._curl(f"{address}/v1/records", record)

    def _curl(self, url: str, body: dict[str, str] | None = None) -> str:
        sent = ""
        if body is not None:
            sent = f" -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
        return f"curl -s {shlex.quote(url)} -H 'Authorization: Bearer {self.key}'{sent}"


@contextmanager
def tryout(settings: Settings) -> Iterator[Tryout]:
    """A key for the length of the block, and somebody to ask about."""
    name = f"try-{secrets.token_hex(4)}"
    grant = KeyGrant(name, _SCOPES, trusted=True, expires_at=datetime.now(UTC) + _LONGEST)
    with _keys(settings) as (keys, audit):
        text = keys.create(grant, lambda tx, _: audit.change(tx, Act(_ACTOR, "key.create", details={"key": name})))
    try:
        yield Tryout(text, _somebody(settings))
    finally:
        with _keys(settings) as (keys, audit):
            keys.revoke(name, lambda tx, _: audit.change(tx, Act(_ACTOR, "key.revoke", details={"key": name})))


@contextmanager
def _keys(settings: Settings) -> Iterator[tuple[Keys, Audit]]:
    """The ledger's keys, and the ledger closed again: the workers, made from this process, open their own."""
    ledger = Ledger.open(settings.ledger, wait_seconds=settings.ledger_wait_seconds)
    secret = settings.server_secret()
    try:
        yield Keys(ledger, secret), Audit(ledger, secret)
    finally:
        ledger.close()


def _somebody(settings: Settings) -> tuple[str, str, str] | None:
    try:
        warehouse = open_standing(settings.data_dir)
    except NotFound:
        return None
    try:
        row = warehouse.execute(_SOMEBODY).fetchone()
    finally:
        warehouse.close()
    return None if row is None else (str(row[0]), str(row[1]), str(row[2]))


def _misspelt(name: str) -> str:
    """The name as one hears it: parts turned round, in small letters."""
    return " ".join(reversed(name.lower().split()))
