"""Each worker goes over to a new generation by itself, between two requests."""

from __future__ import annotations

import threading

from profile_service.api.calls import Frame
from profile_service.console.ringing import forget_old_calls
from profile_service.errors import ProfileError

_MEASURED_EVERY = 5.0  # seconds
_FORGETS_EVERY = 60.0  # seconds between two looks for calls that are to be forgotten
_WARNED_EVERY = 60.0  # seconds between two warnings of the same trouble


class Watcher:
    """A thread that looks every ``settings.follow_seconds`` whether another generation stands.

    Of each generation that comes to stand the mapped files are read once beforehand, in a thread of its own.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; waits for a look that is under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _touch(self) -> None:
        try:
            generation = self._frame.world.state().generation
        except ProfileError:
            return
        threading.Thread(target=generation.touch, args=(self._stopping,), name="touch", daemon=True).start()

    def _watch(self) -> None:
        seconds = self._frame.settings.follow_seconds
        quiet_for = unmeasured = unforgotten = 0.0
        self._touch()
        while not self._stopping.wait(seconds):
            quiet_for = max(0.0, quiet_for - seconds)
            unmeasured -= seconds
            unforgotten -= seconds
            if unmeasured <= 0:
                self._frame.metrics.note_memory()
                unmeasured = _MEASURED_EVERY
            self._frame.ledger.checkpoint()
            try:
                if unforgotten <= 0:
                    unforgotten = _FORGETS_EVERY
                    forget_old_calls(self._frame.ledger, self._frame.clock())
                if self._frame.world.follow():
                    self._frame.log.info("following", run_id=self._frame.world.state().generation.run_id)
                    self._touch()
            except ProfileError as error:
                # what stood goes on answering; the next look tries again
                if not quiet_for:
                    self._frame.log.warning("not following", reason=str(error))
                    quiet_for = _WARNED_EVERY
            except Exception as error:
                if not quiet_for:
                    self._frame.log.failed("not following", error)
                    quiet_for = _WARNED_EVERY
