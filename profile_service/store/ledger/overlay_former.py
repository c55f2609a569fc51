"""Which ids records had that were merged away since a generation was published: whoever parts again gets them back."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select

from profile_service.store.former import FormerId
from profile_service.store.ledger.overlay import Overlay
from profile_service.store.ledger.statement import Statement, any_of, dropping, putting
from profile_service.store.ledger.tables import OVERLAY_FORMER, OVERLAY_RECORDS

_F, _R = OVERLAY_FORMER.c, OVERLAY_RECORDS.c
_OF = Statement(
    select(_F.ref, _F.customer_id, _F.retired_us, _F.since).where(
        _F.generation == bindparam("generation"), any_of(_F.ref, "refs")
    ),
    lists=("refs",),
)
_ALL = Statement(
    select(_R.channel, _R.source_record_id, _F.customer_id, _F.retired_us)
    .join(OVERLAY_RECORDS, (_R.generation == _F.generation) & (_R.ref == _F.ref))
    .where(_F.generation == bindparam("generation"))
    .order_by(_R.channel, _R.source_record_id, _F.customer_id)
)
_PUT = putting(OVERLAY_FORMER)
_DROP = dropping(OVERLAY_FORMER, "generation", "ref")
_DROP_ID = dropping(OVERLAY_FORMER, "generation", "customer_id")


def former_ids(overlay: Overlay, refs: Collection[int]) -> list[FormerId]:
    """The ids that those records had until they were merged away live."""
    if not refs:
        return []
    rows = overlay.session.all(_OF, {"generation": overlay.run_id, "refs": list(refs)})
    return [FormerId(*row) for row in rows]


def all_former_ids(overlay: Overlay) -> list[tuple[str, str, str, int]]:
    """(channel, source_record_id, customer id, microseconds since 1970 of the merge) of all of them."""
    return [(row[0], row[1], row[2], row[3]) for row in overlay.session.all(_ALL, {"generation": overlay.run_id})]


def put_former_ids(overlay: Overlay, former: Collection[FormerId]) -> None:
    """Keep who held an id when it was merged away, in place of what was kept of that id before."""
    for customer_id in {each.customer_id for each in former}:
        drop_former_id(overlay, customer_id)
    overlay.session.many(_PUT, [{"generation": overlay.run_id, **each._asdict()} for each in former])


def drop_former_id(overlay: Overlay, customer_id: str) -> None:
    """Nobody gets that id back."""
    overlay.session.do(_DROP_ID, {"generation": overlay.run_id, "customer_id": customer_id})


def drop_former_ids_of(overlay: Overlay, ref: int) -> None:
    """Forget every id that a record had."""
    overlay.session.do(_DROP, {"generation": overlay.run_id, "ref": ref})
