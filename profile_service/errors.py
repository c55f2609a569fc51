"""Every error this project raises on purpose, each with the exit status a command ends with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ProfileError(Exception):
    """The root of the tree: a message says what happened and what to do about it, in one line."""

    exit_status = 1


class WrongUsage(ProfileError):
    """A command, option or configuration that cannot mean anything."""

    exit_status = 2


class UnusableInput(ProfileError):
    """A landing folder, channel declaration or file that cannot be read at all."""

    exit_status = 2


class RunLocked(ProfileError):
    """Another run is at work in the same data directory."""

    exit_status = 2


class RunFailed(ProfileError):
    """A run stopped; what stood before still stands."""


class PromiseBroken(RunFailed):
    """An audit found rows that break what a stage promises."""


class NotEnoughDisk(RunFailed):
    """The next generation would not fit beside the present one."""


class NotFound(ProfileError):
    """A record, customer or generation that is not there."""

    exit_status = 2


class Refused(ProfileError):
    """A request to the service that is refused for a reason the caller can act on.

    ``kind`` is one of ``profile_service.api.problems.KINDS``; ``further`` members are answered beside the standard
    ones, such as the candidates of an ambiguous identifier. None of them may hold another person's data.
    """

    exit_status = 2

    def __init__(self, kind: str, detail: str, **further: object) -> None:
        """Refuse with one line of ``detail``."""
        super().__init__(detail)
        self.kind = kind
        self.further = further


class LedgerBusy(ProfileError):
    """The ledger's write lock was not free in time; the same write may be tried again."""


class LedgerUnavailable(ProfileError):
    """The ledger cannot be reached, read or written; whether a write that ended so took place is not known."""


class IdempotencyConflict(ProfileError):
    """An Idempotency-Key that was used before for another request."""


class KeyRefused(ProfileError):
    """An API key that is unknown, revoked or expired; which of them is told to nobody."""


class ChainBroken(ProfileError):
    """A row of the audit trail that is not as it was written, is missing, or was put in."""


class Moved(ProfileError):
    """A customer who answers by another id: the old one was merged away."""

    exit_status = 2

    def __init__(self, customer_id: str, stands_as: str, event: str) -> None:
        """``event`` says what became of ``customer_id``; ``stands_as`` is the id that stands."""
        super().__init__(f"{customer_id} answers by {stands_as}")
        self.customer_id = customer_id
        self.stands_as = stands_as
        self.event = event


class ServiceProblem(ProfileError):
    """What a client was answered instead of what it asked for: HTTP ``status`` and the RFC 9457 ``problem``."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """``problem``: the members of the answer, empty where it was none."""
        super().__init__(f"{status} {problem.get('title', 'no problem was told')}: {problem.get('detail', '')}")
        self.status = status
        self.problem = problem

    @property
    def kind(self) -> str:
        """The last part of the problem's type: ``unknown-customer``, ``ambiguous-identifier``…"""
        return str(self.problem.get("type", "")).rpartition("/")[2]
