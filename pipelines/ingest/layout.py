"""Which column of a file feeds which field of the contract, and the SQL that reads a row so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from profile_service.contracts.channels import Channel
from profile_service.contracts.feeds import ALIASES, FeedContract, field_names
from profile_service.contracts.fields import quoted
from profile_service.errors import UnusableInput

# Spaces that people and exports leave behind; a value of nothing else is absent.
_SPACES = " \t\r\n\v\f\u00a0\u3000"


@dataclass(frozen=True)
class Layout:
    """Positions of a file's columns: for each field one or several to join, and the further ones with their names."""

    fields: Mapping[str, tuple[int, ...]]
    further: Sequence[tuple[str, int]]
    notes: Sequence[str] = field(default_factory=tuple)


def named_apart(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Header names trimmed, nameless and repeated ones given a name of their own, and notes on those."""
    apart: list[str] = []
    notes: list[str] = []
    for position, name in enumerate(names, start=1):
        wanted = name.strip() or f"column_{position}"
        unique, count = wanted, 1
        while unique in apart:
            count += 1
            unique = f"{wanted}_{count}"
        if unique != wanted:
            notes.append(f"column {wanted} stands there twice: the later one is kept as {unique}")
        apart.append(unique)
    return apart, notes


def lay_out(names: Sequence[str], channel: Channel, kind: str) -> Layout:
    """Map columns to fields: as the channel declares, else by the field's own name, else by a known other name."""
    exact = {name: position for position, name in reversed(list(enumerate(names)))}
    folded = {name.casefold(): position for name, position in reversed(list(exact.items()))}

    def find(name: str) -> int | None:
        return exact.get(name, folded.get(name.casefold()))

    fields: dict[str, tuple[int, ...]] = {}
    notes: list[str] = []
    for wanted in field_names(kind):
        declared = channel.columns.get(wanted, ())
        found = tuple(position for name in declared if (position := find(name)) is not None)
        if declared and len(found) < len(declared):
            absent = ", ".join(name for name in declared if find(name) is None)
            notes.append(f"no column {absent}, declared for {wanted}")
        if not found and (position := find(wanted)) is not None:
            found = (position,)
        if found:
            fields[wanted] = found
    used = {position for positions in fields.values() for position in positions}
    for wanted, others in ALIASES.items():
        positions = [p for name in others if (p := find(name)) is not None and p not in used]
        if wanted in field_names(kind) and wanted not in fields and positions:
            fields[wanted] = (positions[0],)
            used.add(positions[0])
    further = [(name, position) for position, name in enumerate(names) if position not in used]
    return Layout(fields, sorted(further), notes)


def need_required(layout: Layout, contract: FeedContract, name: str, names: Sequence[str]) -> None:
    """Raise UnusableInput where a column that every row must have is not in the file at all.

    It names only columns that a field knows: without a header, the first line is a person.
    """
    absent = [wanted for wanted in contract.required if wanted not in layout.fields]
    if absent:
        known = ", ".join(layout.fields)
        found = f"of its {len(names):,} columns a field knows {known or 'none'}: is its first line a header?"
        raise UnusableInput(f"{name} has no column {' and no column '.join(absent)} ({found})")


def filled(column: str) -> str:
    """SQL: the column as sent, or NULL where it holds nothing but spaces."""
    # nearly every value begins with an ASCII character above the space, which is cheap to see
    blank = f"trim({column}, {quoted(_SPACES)}) = ''"
    return f"CASE WHEN {column} >= '!' AND {column} < chr(127) THEN {column} WHEN {blank} THEN NULL ELSE {column} END"


def select_sql(layout: Layout, contract: FeedContract, column: Callable[[int], str], *, inner: str = "NULL") -> str:
    """The select list that reads each of the contract's fields, and ``extra``, from a file's columns as text.

    ``column`` gives a position's SQL; ``inner`` is SQL for the inside of a JSON object that adds to ``extra``.
    """
    items = []
    for name in contract.fields:
        if name == "extra":
            continue
        columns = [filled(column(position)) for position in layout.fields.get(name, ())]
        joined = columns[0] if len(columns) == 1 else f"nullif(concat_ws(' ', {', '.join(columns)}), '')"
        items.append(f"{joined if columns else 'NULL::VARCHAR'} AS {name}")
    # a pair whose value is NULL is NULL itself, and concat_ws leaves it out
    pairs = [
        f"{quoted(_json_key(name))} || to_json({filled(column(position))})::VARCHAR"
        for name, position in layout.further
    ]
    inside = f"concat_ws(',', {', '.join([*pairs, inner])})"
    extra = f"CASE WHEN {inside} <> '' THEN '{{' || {inside} || '}}' END"
    items.append(f"{extra if pairs or inner != 'NULL' else 'NULL::VARCHAR'} AS extra")
    return ", ".join(items)


def _json_key(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\u{ord(c):04x}" for c in escaped) + '":'
