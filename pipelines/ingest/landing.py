"""Which files of the landing folder belong to which channel, and which belong to none."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from profile_service.contracts.channels import BUILT_IN, Channel
from profile_service.contracts.feeds import KINDS
from profile_service.errors import UnusableInput

FORMS = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
# what a simulator lays beside its channels, for ``profiles evaluate``; never read by a run
TRUTHS = ("truth.csv", "households.csv")


@dataclass(frozen=True)
class FeedFile:
    """One file of one channel; ``name`` is its path under the landing folder."""

    channel: Channel
    kind: str
    path: Path
    name: str

    @property
    def feed(self) -> tuple[str, str]:
        """Its channel's name and its kind."""
        return self.channel.name, self.kind

    @property
    def form(self) -> str:
        """``csv``, ``jsonl`` or ``parquet``, by its name."""
        return _form(self.path).split(".")[1]


@dataclass(frozen=True)
class Landing:
    """The files found, in the order in which they count as arrived, and notes on everything passed over."""

    files: Sequence[FeedFile]
    notes: Sequence[str]


def find_files(
    landing: Path, channels: Sequence[Channel], brought: Collection[tuple[str, str]] = frozenset()
) -> Landing:
    """Match each channel's globs; UnusableInput where there is nothing to read or a file is claimed twice.

    ``brought``: the feeds (channel, kind) of which earlier runs have read a file.
    """
    if not landing.is_dir():
        raise UnusableInput(f"{landing} is {'no folder' if landing.exists() else 'not there'}: no feeds to read")
    try:
        claimed, odd = _claims(landing, channels, brought)
        notes = [f"{name} is not read: {why}" for name, why in odd.items()]
        notes += _strangers(landing, channels, {*claimed, *odd})
        notes += _as_before(channels, claimed)
        notes += _retired_now(channels, brought)
    except OSError as error:
        raise UnusableInput(f"{error.filename or landing}: {error.strerror or error}") from error
    if not claimed:
        wanted = ", ".join(glob for channel in channels for kind in KINDS if (glob := channel.glob(kind)))
        if not wanted:
            raise UnusableInput(f"{landing} holds no feed: every channel is retired, so none is looked for")
        raise UnusableInput(f"{landing} holds no feed: looked for {wanted} ({', '.join(FORMS)})")
    files = [file for channel in channels for kind in KINDS for file in _of(claimed, channel, kind)]
    return Landing(files, notes)


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _form(path: Path) -> str:
    name = path.name.lower()
    return next((form for form in FORMS if name.endswith(form)), "")


def _of(claimed: dict[str, FeedFile], channel: Channel, kind: str) -> list[FeedFile]:
    mine = [file for file in claimed.values() if file.channel is channel and file.kind == kind]
    return sorted(mine, key=lambda file: file.name)


def _claims(
    landing: Path, channels: Sequence[Channel], brought: Collection[tuple[str, str]]
) -> tuple[dict[str, FeedFile], dict[str, str]]:
    """Files by name under the landing folder, and why other names that match a glob are no feed."""
    claimed: dict[str, FeedFile] = {}
    odd: dict[str, str] = {}
    # declared channels first: neither one that is kept nor a built-in one claims what a declaration has taken
    for channel in sorted(channels, key=lambda channel: (channel.built_in, channel.kept)):
        for kind in KINDS:
            for path in _matches(landing, channel.glob(kind)):
                name = path.relative_to(landing).as_posix()
                other = claimed.get(name)
                if other is None and (why := _no_feed(path)):
                    odd[name] = why
                elif other is None:
                    claimed[name] = FeedFile(channel, kind, path, name)
                elif channel.told or (channel.built_in and other.channel.built_in):
                    raise UnusableInput(
                        f"{name} is claimed twice, as {other.channel.name} {other.kind} and {channel.name} {kind}:"
                        " narrow the globs"
                    )
                elif _new_to(other, brought) and (channel.name, kind) in brought:
                    raise _renamed(name, channel, other.channel)
    return claimed, dict(sorted(odd.items()))


def _new_to(file: FeedFile, brought: Collection[tuple[str, str]]) -> bool:
    """Whether this run's own declaration claims it, by a glob by which no earlier run has read a file."""
    return file.channel.told and (file.feed not in brought or file.kind in file.channel.moved)


def _renamed(name: str, before: Channel, now: Channel) -> UnusableInput:
    """What to raise where a new name, or a new glob, takes files of a channel that has brought records by its own."""
    known = "as an earlier run declared" if before.kept else "as ever"
    return UnusableInput(
        f"{name} belongs to channel {before.name}, {known}, and this run's file claims it for {now.name}: records are "
        f"known by their channel, so all that {before.name} brought would stand twice. Keep the name {before.name}, or "
        f"narrow {now.name}'s globs; or say beside {now.name} what becomes of the other: [channels.{before.name}] with "
        "other globs, or with retired = true (what it brought stays, and stands twice where these files bring it again)"
    )


def _no_feed(path: Path) -> str:
    """Why this is no file to read; empty where it is one."""
    if not _form(path):
        return f"its name ends in none of {', '.join(FORMS)}"
    if path.is_file():
        return ""
    if path.is_dir():
        return "it is a folder"
    return "it is no file" if path.exists() else "it is a link to what is not there"


def _matches(landing: Path, glob: str | None) -> list[Path]:
    if glob is None:
        return []
    found = set(landing.glob(glob))
    if not glob.endswith("*"):
        found |= set(landing.glob(glob + ".gz"))  # a glob for *.csv also means the gzipped ones
    # a folder that a glob meets on its way to files of other globs is no feed gone astray
    return [p for p in found if not p.name.startswith(".") and (_form(p) or not p.is_dir())]


def _strangers(landing: Path, channels: Sequence[Channel], known: set[str]) -> list[str]:
    """Feeds outside the channels' folders, folders of no channel, and what in a channel's own folder none reads."""
    roots = {glob.split("/")[0] for channel in channels for kind in KINDS if (glob := channel.glob(kind))}
    notes = []
    for entry in sorted(landing.iterdir()):
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            if _form(entry) and entry.name not in {*TRUTHS, *known}:
                notes.append(f"{entry.name} is not read: a channel's feeds lie in its own folder")
            continue
        if entry.name not in roots and not any(name.startswith(f"{entry.name}/") for name in known):
            names = ", ".join(channel.name for channel in channels if not channel.retired)
            why = f"no channel of that name (channels: {names})"
            if any(channel.retired and channel.name == entry.name for channel in channels):
                why = f"channel {entry.name} is retired"
            notes.append(f"folder {entry.name} is not read: {why}")
            continue
        for path in sorted(entry.iterdir()):
            name = path.relative_to(landing).as_posix()
            if name in known or path.name.startswith("."):
                continue
            if not path.is_dir():
                notes.append(f"{name} is not read: no channel's glob matches it")
            elif _holds_feeds(path) and not any(each.startswith(f"{name}/") for each in known):
                notes.append(f"folder {name} is not read: no channel's glob looks into it")
    return notes


def _as_before(channels: Sequence[Channel], claimed: Mapping[str, FeedFile]) -> list[str]:
    """Of channels with files that this run was told nothing of: how they are read."""
    found = {file.channel.name for file in claimed.values()}
    kept = [channel.name for channel in channels if channel.kept and channel.name in found]
    if not kept:
        return []
    are = f"channel {kept[0]} is" if len(kept) == 1 else f"channels {', '.join(kept)} are"
    return [
        f"{are} read as --channels of an earlier run declared and this run's does not: so it stays until declared anew,"
        " or with retired = true"
    ]


def _retired_now(channels: Sequence[Channel], brought: Collection[tuple[str, str]]) -> list[str]:
    """Of channels that this run was told to retire: what that means, or that there is none of that name."""
    known = {name for name, _ in brought}
    usual = {channel.name for channel in BUILT_IN}
    never = "no file of it was ever read here"
    if known:
        never += f". Is it misspelt? Files were read of {', '.join(sorted(known))}"
    stays = "its files are read no more, what it has brought stays"
    return [
        f"channel {channel.name} is retired: {stays if channel.name in known | usual else never}"
        for channel in channels
        if channel.retired and channel.told
    ]


def _holds_feeds(folder: Path) -> bool:
    return any(_form(path) for path in folder.iterdir())
