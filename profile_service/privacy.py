"""How an erased person's records are known again without being kept."""

from __future__ import annotations

import hashlib


def suppression_token(salt: str, channel: str, source_record_id: str) -> str:
    """The hexadecimal SHA-256 under which a suppressed record is remembered."""
    return hashlib.sha256(f"{salt}{channel}:{source_record_id}".encode()).hexdigest()


def suppression_token_sql(salt: str, channel: str, source_record_id: str) -> str:
    """The same for SQL expressions; ``salt`` is itself one, such as a parameter's name."""
    return f"sha256({salt} || {channel} || ':' || {source_record_id})"
