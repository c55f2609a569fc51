"""A published profile in an audience's view, made straight from the list that a generation keeps of it.

It says what the view makes of the whole document (``shown.compiled``; a property test holds both equal). Making the
document first and cutting it down then was a quarter of a look-up of somebody who was not looked up before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from marshmallow import fields

from profile_service.contracts.answers import view_class
from profile_service.contracts.masks import masked
from profile_service.contracts.shown import Masked, Named, veiled
from profile_service.profile import ADDRESS_FIELDS, sureness
from profile_service.store.documents import CONSENT, IDENTIFIER, LISTS, PLAIN, RECORD

Show = Callable[[list[Any], str, str], dict[str, Any]]
Members = Mapping[str, fields.Field[Any]]
_IDENTIFIERS, _CONSENTS, _RECORDS = LISTS
# What is said of a customer by counting records, and how.
_COUNTED = {"channels": "channels", "channel_count": "len(channels)", "record_count": "len(records)"}


@lru_cache(maxsize=4096)
def published_view(audience: str, mask: frozenset[str]) -> Show:
    """How an audience sees a published profile under a key's policy: (list, ``as_of``, ``snapshot_id``) → document.

    The list is used up. The function is written as Python from the view's schema, the way ``dataclasses`` writes
    theirs: nothing in it but the names of members, and no loop over what a view always shows.
    """
    view, hidden = view_class("profile", audience)
    members = _members(veiled(view, hidden | mask)())
    known: dict[str, Any] = {
        "masked": masked,
        "sureness": _sureness(members),
        "hidden": _hidden_types(members),
        # a record is put in order by its key, without its number
        "key": itemgetter(slice(1, None)),
    }
    exec(_written(members), known)
    show: Show = known["show"]
    return show


def _written(members: Members) -> str:
    """The function's text for a view with these members."""
    cells = [f"c{place}" for place in range(len(PLAIN))]
    cell = dict(zip(PLAIN, cells, strict=True))
    top = [name for name in PLAIN if name in members and name not in ADDRESS_FIELDS]
    said = [f"{name!r}: {_value(members[name], cell[name])}" for name in top]
    address = members.get("address")
    if isinstance(address, fields.Nested):
        said.append(f"'address': {_object(_members(address.schema), cell, ADDRESS_FIELDS)}")
    said += [f"{name!r}: {how}" for name, how in _COUNTED.items() if name in members]
    sure = members.get("sureness")
    if isinstance(sure, fields.Nested):
        said.append(f"'sureness': sureness({cell['weakest_link_bits']}, len(records))")
    named = members.get(_IDENTIFIERS)
    if isinstance(named, Named):
        row = dict(
            zip(IDENTIFIER, ("kind", "value", *(f"i{place}" for place in range(len(IDENTIFIER) - 2))), strict=True)
        )
        hide = {"value": "(masked(kind, value) if kind in hidden else value)"}
        each = _object(_members(named.shape()), row | hide, IDENTIFIER)
        said.append(f"{_IDENTIFIERS!r}: [{each} for {', '.join(row.values())} in identifiers]")
    for name, columns, before in ((_CONSENTS, CONSENT, ""), (_RECORDS, RECORD, "_, ")):
        nested = members.get(name)
        if isinstance(nested, fields.Nested):
            row = {column: f"r{place}" for place, column in enumerate(columns)}
            each = _object(_members(nested.schema), row, columns)
            said.append(f"{name!r}: [{each} for {before}{', '.join(row.values())} in {name}]")
    return f"""def show(table, as_of, snapshot_id):
    {", ".join((*cells, *LISTS))} = table
    identifiers.sort()
    consents.sort()
    records.sort(key=key)
    channels = sorted({{row[1] for row in records}})
    return {{{", ".join(said)}, 'as_of': as_of, 'snapshot_id': snapshot_id}}
"""


def _object(members: Members, cell: Mapping[str, str], columns: Sequence[str]) -> str:
    """The text of an object of those columns that are among the members."""
    shown = (f"{name!r}: {_value(members[name], cell[name])}" for name in columns if name in members)
    return f"{{{', '.join(shown)}}}"


def _value(field: fields.Field[Any], cell: str) -> str:
    return f"masked({field.field!r}, {cell})" if isinstance(field, Masked) else cell


def _hidden_types(members: Members) -> frozenset[str]:
    named = members.get(_IDENTIFIERS)
    return named.hidden if isinstance(named, Named) else frozenset()


def _sureness(members: Members) -> Callable[[float | None, int], dict[str, Any]]:
    """How sure a merge is, as the view shows it: the same weights come again and again; nobody changes the answer."""
    sure = members.get("sureness")
    shown = _members(sure.schema).keys() if isinstance(sure, fields.Nested) else ()

    @lru_cache(maxsize=16_384)
    def told(weakest: float | None, records: int) -> dict[str, Any]:
        return {name: each for name, each in sureness(weakest, records).items() if name in shown}

    return told


def _members(shape: Any) -> dict[str, fields.Field[Any]]:
    return {field.data_key or name: field for name, field in shape.dump_fields.items()}
