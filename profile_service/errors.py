"""Every error this project raises on purpose, each with the exit status a command ends with."""

from __future__ import annotations


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
