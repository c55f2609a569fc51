"""Which files of a landing folder belong to which channel, and how each channel's own layout maps to the contract."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from profile_service.contracts.feeds import FORMATTED, KINDS, field_names
from profile_service.errors import UnusableInput

# Raised when the reading of files changes so much that known files should be read again.
READING = 1

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# The strptime directives that Python and DuckDB read alike.
_DIRECTIVES = frozenset("YymdbBHIMSpfz%")
_FIELDS = frozenset(name for kind in KINDS for name in field_names(kind))


@dataclass(frozen=True)
class Channel:
    """A source of records: globs under the landing folder, and how its columns and formats map to the contract.

    ``retired``: its files are read no more, what it brought stays. ``kept``: an earlier run was told so of it, this one
    nothing. ``moved``: the kinds of which this run's file gives another glob than an earlier run went by.
    """

    name: str
    customers: str | None = None
    events: str | None = None
    duplicate_free: bool = False
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    retired: bool = False
    built_in: bool = field(default=False, compare=False)
    kept: bool = field(default=False, compare=False)
    moved: tuple[str, ...] = field(default=(), compare=False)

    @property
    def told(self) -> bool:
        """Whether this run's own file declares it."""
        return not (self.built_in or self.kept)

    def glob(self, kind: str) -> str | None:
        """The glob for ``customers`` or ``events``."""
        return self.customers if kind == "customers" else self.events

    def known_as(self, kind: str, content_hash: str) -> str:
        """The hash of a file's content together with everything in this declaration that bears on reading it."""
        reading = [READING, self.name, kind, sorted(self.columns.items()), sorted(self.formats.items())]
        return hashlib.sha256((content_hash + json.dumps(reading)).encode()).hexdigest()


BUILT_IN = tuple(
    Channel(name, customers=f"{name}/customers*", events=f"{name}/events*", built_in=True)
    for name in ("store", "web", "mobile", "call_center")
)


def _under_landing(pattern: str) -> None:
    parts = PurePosixPath(pattern).parts
    if not parts or PurePosixPath(pattern).is_absolute() or ".." in parts or "\\" in pattern:
        raise ValidationError("must be a glob under the landing folder, with / between folders")
    if "**" in pattern:
        raise ValidationError("cannot hold **: say the folders one by one")


class _Columns(fields.Field[tuple[str, ...]]):
    """One column's name, or several to be joined by a space."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not names or not all(isinstance(n, str) and n.strip() for n in names):
            raise ValidationError("must be a column's name or a list of names")
        return tuple(name.strip() for name in names)


class _ChannelTable(Schema):
    customers = fields.String(validate=_under_landing)
    events = fields.String(validate=_under_landing)
    duplicate_free = fields.Boolean(truthy={True}, falsy={False})
    columns = fields.Dict(keys=fields.String(), values=_Columns())
    formats = fields.Dict(keys=fields.String(), values=fields.String())
    retired = fields.Boolean(truthy={True}, falsy={False})

    @validates_schema
    def _reads_something(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("retired"):
            if len(data) > 1:
                raise ValidationError("a retired channel reads nothing: say nothing else of it", "retired")
            return
        if not data.get("customers") and not data.get("events"):
            raise ValidationError("needs a glob for customers or for events", "customers")
        for name in data.get("columns", {}):
            if name not in _FIELDS:
                raise ValidationError(f"{name} is no field of the contract", "columns")
        for name, spelling in data.get("formats", {}).items():
            if name not in FORMATTED:
                raise ValidationError(f"{name} has no format; {', '.join(FORMATTED)} have", "formats")
            unknown = [d for d in re.findall(r"%(.?)", spelling, re.DOTALL) if d not in _DIRECTIVES]
            if unknown or not {"m", "d"} & set(re.findall(r"%(.)", spelling)) or not re.search("%[Yy]", spelling):
                raise ValidationError(f"{name}: {spelling!r} is no strptime format of a date", "formats")


class _ChannelFile(Schema):
    channels = fields.Dict(keys=fields.String(), values=fields.Nested(_ChannelTable), required=True)


def load_channels(path: Path | None = None) -> tuple[Channel, ...]:
    """The built-in channels, those of a TOML file added or put in their place; UnusableInput says what is wrong."""
    channels = {channel.name: channel for channel in BUILT_IN}
    if path is None:
        return tuple(channels.values())
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        declared = _ChannelFile().load(table)["channels"]
    except OSError as error:
        raise UnusableInput(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise UnusableInput(f"{path}: {'; '.join(_flat(error.messages))}") from error
    for name, options in declared.items():
        if not _NAME.fullmatch(name):
            raise UnusableInput(f"{path}: channels.{name!r}: a channel's name has letters, digits, - and _ only")
        channels[name] = Channel(name, **options)
    return tuple(channels.values())


def _flat(messages: Any, where: str = "") -> Iterator[str]:
    """Marshmallow's nested messages, one ``where: what`` each."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            # a dictionary field puts its values' messages below "value" and "key"
            below = where if key in ("value", "key", "_schema") else f"{where}.{key}".lstrip(".")
            yield from _flat(inner, below)
    else:
        text = " ".join(str(message) for message in messages).rstrip(".")
        yield f"{where}: {text[0].lower()}{text[1:]}" if text else where
