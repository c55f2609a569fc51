"""What was written live since the last fold: entries of the ledger, and the customers that live answers gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from profile_service.errors import NotFound
from profile_service.identity.ids import IdSource
from profile_service.settings import Settings, ledger_of
from profile_service.store.generation import Generation, standing_generation
from profile_service.store.serving import ServingGeneration

if TYPE_CHECKING:
    from profile_service.privacy import Erasure
    from profile_service.store.ledger import Entry, Ledger, Overlay

# What reads the ledger and replays it is imported where there is one: it takes a quarter of a second.

_PAGE = 1000


@dataclass(frozen=True)
class LiveId:
    """An id as live answers left it: ``event`` created (since: RFC 3339) or merged_into (``stands_as``)."""

    customer_id: str
    event: str
    stands_as: str | None
    since: str | None


@dataclass(frozen=True)
class LiveLog:
    """Entries up to ``last_seq``; whose every live or moved record is (channel, id, customer); ids; people to forget.

    ``former``: which record (channel, id) had which id when it was merged away live (microseconds since 1970).
    ``owners`` and ``ids`` are of the generation ``run_id``, whose run had folded the log up to ``run_folded``; both are
    empty where no generation stands that they could be of.
    """

    last_seq: int
    entries: Sequence[Entry] = ()
    owners: Sequence[tuple[str, str, str]] = ()
    ids: Sequence[LiveId] = ()
    former: Sequence[tuple[str, str, str, int]] = ()
    given: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    erasures: Sequence[Erasure] = ()
    run_id: str | None = None
    run_folded: int = 0

    @property
    def anything(self) -> bool:
        """Whether there is something to fold."""
        return bool(self.entries or self.erasures)


def live_since(data_dir: Path, ledger: str | Path | None, folded: int) -> LiveLog:
    """What was written live after entry ``folded``; nothing where no ledger was ever made.

    ``ledger``: its path or URL, None for the one that lies in ``data_dir`` by default.
    """
    where = ledger_of(data_dir, ledger)
    if where is None:
        return LiveLog(folded)
    from profile_service.store.forgotten import keep_what_the_log_tells, place_of
    from profile_service.store.ledger import Ledger

    opened = Ledger.open(where)
    try:
        if keep_what_the_log_tells(place := place_of(where, data_dir), opened.log()):
            _forget_again(data_dir, place, opened, str(where))
        return read_live_log(opened, standing_generation(data_dir), data_dir / "models", folded)
    finally:
        opened.close()


def _forget_again(data_dir: Path, kept: Path, ledger: Ledger, where: str) -> None:
    """Tell a ledger that was put back of the erasures in file ``kept``; a generation that is damaged stops no run."""
    from profile_service.world import World, enter_what_was_forgotten

    served = _served(standing_generation(data_dir), data_dir / "models")
    if served is None:
        enter_what_was_forgotten(kept, ledger)
        return
    served.close()
    # opening the service's world carries them out again
    World.open(Settings(data_dir=data_dir, ledger_url=where)).close()


def read_live_log(ledger: Ledger, standing: Generation | None, models: Path, folded_seq: int) -> LiveLog:
    """What the ledger holds beyond ``folded_seq``, as one state.

    The log is first brought onto the generation that stands, so that every id that it takes is given.
    """
    from pipelines.erase import due_erasures
    from profile_service.live.replay import bring
    from profile_service.store.ledger import Log, Overlay
    from profile_service.store.ledger.overlay_former import all_former_ids

    if ledger.log().last_seq() <= folded_seq and not due_erasures(ledger.log(), folded_seq):
        return LiveLog(folded_seq)
    served = _served(standing, models)
    if served is not None:
        bring(ledger, served, IdSource())
    try:
        with ledger.snapshot() as session:
            log = Log(session)
            given = log.given_after(folded_seq)
            since = {customer_id: at for (_, _, customer_id), at in given.items()}
            overlay = None if served is None else Overlay(lambda: session, served.run_id, served.ledger_seq)
            return LiveLog(
                last_seq=max(log.last_seq(), folded_seq),
                entries=list(log.said_after(folded_seq)),
                owners=() if overlay is None else overlay.owned(),
                ids=() if overlay is None else _ids(overlay, since),
                former=() if overlay is None else all_former_ids(overlay),
                given=given,
                erasures=due_erasures(log, folded_seq),
                run_id=None if served is None else served.run_id,
                run_folded=0 if served is None else served.ledger_seq,
            )
    finally:
        if served is not None:
            served.close()


def _served(standing: Generation | None, models: Path) -> ServingGeneration | None:
    if standing is None or not standing.manifest.profiles_bytes:
        return None
    try:
        return ServingGeneration.open(standing, models)
    except NotFound:
        # its files are damaged: this run publishes all anew, and the log tells what was written live
        return None


def _ids(overlay: Overlay, given: Mapping[str, str]) -> list[LiveId]:
    """Ids that stand or are merged away in the overlay; erased ones go their own way."""
    from profile_service.store.ledger.overlay import STANDING

    found = []
    after = ""
    while page := overlay.customers_after(after, _PAGE):
        for customer in page:
            if customer.state == STANDING and customer.document is not None:
                since = orjson.loads(customer.document)["customer_since"]
                found.append(LiveId(customer.customer_id, "created", None, since))
            elif customer.stands_as is not None:
                found.append(
                    LiveId(customer.customer_id, customer.state, customer.stands_as, given.get(customer.customer_id))
                )
        after = page[-1].customer_id
    return found
