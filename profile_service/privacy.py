"""How an erased person's records are known again without being kept, and what an erasure says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

RecordKey = tuple[str, str]  # channel, source_record_id
UNSAID = "[erased]"  # what stands where somebody's words named an erased person


def suppression_token(salt: str, channel: str, source_record_id: str) -> str:
    """The hexadecimal SHA-256 under which a suppressed record is remembered."""
    return hashlib.sha256(f"{salt}{channel}:{source_record_id}".encode()).hexdigest()


def suppression_token_sql(salt: str, channel: str, source_record_id: str) -> str:
    """The same for SQL expressions; ``salt`` is itself one, such as a parameter's name."""
    return f"sha256({salt} || {channel} || ':' || {source_record_id})"


@dataclass(frozen=True)
class Erasure:
    """One customer to be forgotten: the id that answers "gone", and its records as tokens of ``salt``.

    ``keys``: the records' own names, kept only until they are gone from every store.
    """

    erasure_id: str
    customer_id: str
    salt: str
    tokens: frozenset[str]
    at: datetime
    keys: tuple[RecordKey, ...] = ()

    def holds(self, channel: str, source_record_id: str) -> bool:
        """Whether this record is one of the erased ones."""
        return suppression_token(self.salt, channel, source_record_id) in self.tokens

    def payload(self) -> dict[str, Any]:
        """What the ledger's entry says; the customer and the time stand beside it."""
        return {
            "erasure_id": self.erasure_id,
            "salt": self.salt,
            "tokens": sorted(self.tokens),
            "keys": [list(key) for key in self.keys],
        }

    @classmethod
    def of(cls, customer_id: str, at: datetime, payload: Mapping[str, Any]) -> Erasure:
        """The erasure that an entry of the ledger tells of."""
        keys = tuple((str(channel), str(name)) for channel, name in payload["keys"])
        tokens = frozenset(map(str, payload["tokens"]))
        return cls(str(payload["erasure_id"]), customer_id, str(payload["salt"]), tokens, at, keys)


def tokens_of(salt: str, keys: Collection[RecordKey]) -> frozenset[str]:
    """The tokens of some records."""
    return frozenset(suppression_token(salt, channel, source_record_id) for channel, source_record_id in keys)
