"""The standing generation of this moment, what lies over it, and the one way to write."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from profile_service.erase import enter_again, erase_again
from profile_service.errors import LedgerUnavailable, ProfileError, Refused
from profile_service.identity.ids import IdSource
from profile_service.live.replay import bring, drop_unread
from profile_service.live.step import Hand
from profile_service.privacy import Erasure
from profile_service.settings import Settings
from profile_service.state import State
from profile_service.store.forgotten import keep_forgotten, keep_what_the_log_tells, place_of
from profile_service.store.generation import GENERATIONS, Generation, standing_generation
from profile_service.store.ledger import CURRENT, Glance, Ledger, Overlay
from profile_service.store.serving import ServingGeneration

_log = logging.getLogger(__name__)
# How long requests that began on a generation may still read it once another stands, in seconds.
_GRACE = 60.0
_BETWEEN_ATTEMPTS = 0.5


@dataclass
class _Following:
    """What following another generation needs: one thread at a time, and generations on their way out."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    leaving: list[tuple[float, ServingGeneration]] = field(default_factory=list)
    failed_at: float = float("-inf")


def enter_what_was_forgotten(path: Path, ledger: Ledger) -> None:
    """Tell a ledger that was put back, while nothing stands that can be read, of every erasure that ``path`` keeps."""
    with ledger.write() as tx:
        for erasure in keep_what_the_log_tells(path, tx.log):
            enter_again(tx, erasure)
            _log.warning("erasure of %s was not in the ledger, and is entered again", erasure.customer_id)


class World:
    """One process's view of the data directory and its ledger, for all of its threads."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.settings = settings
        self.ledger = ledger
        self._current: ServingGeneration | None = None
        self._following = _Following()
        self._ids = IdSource()

    @classmethod
    def open(cls, settings: Settings) -> World:
        """Open the ledger and the standing generation, and bring what the log says onto it.

        Without a generation the world is open, but has no state yet. Raises LedgerUnavailable, and NotFound when the
        generation that stands holds nothing to serve.
        """
        world = cls(settings, Ledger.open(settings.ledger, wait_seconds=settings.ledger_wait_seconds))
        try:
            world.follow()
            generations = settings.data_dir / GENERATIONS
            drop_unread(world.ledger, {path.name for path in generations.iterdir()} if generations.is_dir() else ())
            world._forget_again()
        except BaseException:
            world.close()
            raise
        return world

    def _forget_again(self) -> None:
        """Erase whom the ledger should know to be erased: it was put back from a backup made before that."""
        path = place_of(self.settings.ledger, self.settings.data_dir)
        if not keep_what_the_log_tells(path, self.ledger.log()):
            return
        if self._current is None:
            enter_what_was_forgotten(path, self.ledger)
            return
        with self.write() as hand:
            # another process may have come first
            for erasure in keep_what_the_log_tells(path, hand.tx.log):
                erase_again(hand, erasure)
                _log.warning("erasure of %s was not in the ledger, and is carried out again", erasure.customer_id)

    def state(self, glance: Glance | None = None) -> State:
        """A generation and the overlay on it, to be used for one request by the thread that asked.

        It is the generation that writes go to, so that a read sees every write acknowledged before it. ``glance``: the
        look at the ledger that this request has begun with. Raises Refused (not-ready) before the first generation is
        published.
        """
        current = self._current
        glance = glance or self.ledger.glance()
        if current is None or glance.current != current.run_id:
            current = self._caught_up()
            glance = self.ledger.glance()
        bare = glance.bare and glance.current == current.run_id
        return State(current, Overlay(self.ledger.read, current.run_id, current.ledger_seq, bare=bare))

    def follow(self) -> bool:
        """Go over to the generation that stands by now, once all that the log says is on it; false when it is ours."""
        with self._following.lock:
            self._let_go()
            standing = standing_generation(self.settings.data_dir)
            if standing is None:
                return False
            current = self._current
            if current is not None and current.run_id == standing.manifest.run_id:
                if self.ledger.log().meta(CURRENT) == current.run_id:
                    return False
                bring(self.ledger, current, self._ids)
                return True
            opened = self._open(standing)
        try:
            # where another worker has made it the current one, nothing is left to bring and no turn to wait for;
            # meanwhile a request that finds it current may go over by itself
            if current is None or self.ledger.log().meta(CURRENT) != opened.run_id:
                bring(self.ledger, opened, self._ids)
        except BaseException:
            opened.close()
            raise
        with self._following.lock:
            if self._current is not current:
                opened.close()
                return False
            self._current = opened
            if current is not None:
                self._following.leaving.append((time.monotonic() + _GRACE, current))
            _log.info("generation %s stands", opened.run_id)
            return True

    @contextmanager
    def write(self) -> Iterator[Hand]:
        """The write lock on the generation that stands; leaving the block commits, an error inside undoes it all.

        Raises LedgerBusy, LedgerUnavailable, and Refused (not-ready) before the first generation is published.
        """
        for _ in range(3):
            current = self._current or self._caught_up()
            hand = None
            with self.ledger.write() as tx:
                if tx.log.meta(CURRENT) == current.run_id:
                    hand = Hand(tx, current, self._ids)
                    yield hand
                    hand.note_applied()
            if hand is not None:
                self._keep(hand.erased)
                return
            self.follow()
        raise LedgerUnavailable("another generation stands, and it is not in this data directory yet")

    def close(self) -> None:
        """Close the generations and the ledger; no request may be under way."""
        with self._following.lock:
            for _, generation in self._following.leaving:
                generation.close()
            self._following.leaving.clear()
            if self._current is not None:
                self._current.close()
                self._current = None
        self.ledger.close()

    def _keep(self, erased: Sequence[Erasure]) -> None:
        """Write erasures down beside the ledger, too; where that fails, the next start does so."""
        try:
            keep_forgotten(place_of(self.settings.ledger, self.settings.data_dir), erased)
        except OSError:
            _log.exception("an erasure stands in the ledger, but could not be written beside it")

    def _caught_up(self) -> ServingGeneration:
        """The current generation after an attempt to follow; a failed attempt is not repeated at once."""
        current = self._current
        if current is None or time.monotonic() - self._following.failed_at > _BETWEEN_ATTEMPTS:
            try:
                self.follow()
            except ProfileError:
                self._following.failed_at = time.monotonic()
                if current is None:
                    raise
                _log.exception("the generation that stands cannot be followed")
        current = self._current
        if current is None:
            raise Refused("not-ready", "nothing is published yet: run `profiles run LANDING` first")
        return current

    def _open(self, standing: Generation) -> ServingGeneration:
        current = self._current
        if current is not None and current.model.version == standing.manifest.model_version:
            return ServingGeneration(standing, current.model)
        opened = ServingGeneration.open(standing, self.settings.models)
        # built from every name there is: not in the first request that spells one
        for spellings in opened.model.spellings.values():
            spellings.make_ready()
        # nor in the first live record of many neighbours
        importlib.import_module("scipy.sparse.csgraph")
        return opened

    def _let_go(self) -> None:
        now = time.monotonic()
        while self._following.leaving and self._following.leaving[0][0] <= now:
            with suppress(OSError):
                self._following.leaving.pop(0)[1].close()
