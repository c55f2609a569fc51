"""Many reads stand in one row of the audit trail, and are told one by one again.

A row for each would have every read pay for pages of two trees: a third of what a look-up takes in all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import orjson

from profile_service.store.ledger.audit_rows import READS, AuditRow

_PURPOSE = 4  # its place in a read


def packed(lines: Sequence[bytes]) -> str:
    """Details of a row of reads, from lines that are each a JSON array as ``told`` reads it."""
    return f'{{"reads":[{",".join(line.decode() for line in lines)}]}}'


def reworded(row: AuditRow, less: Callable[[str], str]) -> AuditRow:
    """A row whose purpose, or of a row of reads those of all of them, are as ``less`` makes them."""
    if row.action != READS:
        return row if row.purpose is None else replace(row, purpose=less(row.purpose))
    reads = orjson.loads(row.details)["reads"]
    lines = [
        [*read[:_PURPOSE], less(read[_PURPOSE]), *read[_PURPOSE + 1 :]] if read[_PURPOSE] else read for read in reads
    ]
    return replace(row, details=packed(list(map(orjson.dumps, lines))))


def told(row: AuditRow, customer_id: str | None = None) -> Iterator[AuditRow]:
    """The acts of a row, of one customer when one is named: each read of a row of reads under that row's number."""
    if row.action != READS:
        yield row
        return
    for at, actor, action, about, purpose, request_id, details in orjson.loads(row.details)["reads"]:
        if customer_id is None or about == customer_id:
            yield replace(
                row,
                at=at,
                actor=actor,
                action=action,
                customer_id=about,
                purpose=purpose,
                request_id=request_id,
                details=orjson.dumps(details).decode(),
            )
