"""Feeds as they come when something upstream is broken: each poison is a function of the rows of one channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.end_to_end.worlds import Row

Spoil = Callable[[Sequence[Row]], list[Row]]
# the columns that a spreadsheet moved by one would move
SHIFTED = ("source_record_id", "given_name", "family_name", "email", "phone", "birth_date", "street", "city")


@dataclass(frozen=True)
class Poison:
    """A way in which a feed goes bad; ``held_back``: the values (field, value) that a run must name.

    ``placeholders``: those that it must tell to have read as missing. ``slow``: left to the longer tests, for another
    one is much like it.
    """

    spoil: Spoil
    held_back: Sequence[tuple[str, str]] = ()
    placeholders: Sequence[tuple[str, str]] = ()
    slow: bool = False


def everyone(**fields: str) -> Spoil:
    """The same values in every row."""
    return lambda rows: [{**row, **fields} for row in rows]


def shifted(rows: Sequence[Row], columns: Sequence[str] = SHIFTED) -> list[Row]:
    """Every value one column to the left of where it belongs; the last of them is lost."""
    return [{**row, **{left: row.get(right, "") for left, right in pairwise(columns)}} for row in rows]


def ids_of_others(rows: Sequence[Row], known: Sequence[Row]) -> list[Row]:
    """The rows under ids that the channel has given to others before, as new as a row can be."""
    newest = max(row["updated_at"] for row in (*rows, *known))
    return [
        {**row, "source_record_id": other["source_record_id"], "updated_at": newest}
        for row, other in zip(rows, known, strict=False)
    ]


PHONE, EMAIL = "+1 212-555-0187", "till-7@shop.example"
POISONS: Mapping[str, Poison] = {
    "one phone for everyone": Poison(everyone(phone=PHONE), [("phone", "+12125550187")], slow=True),
    "one e-mail for everyone": Poison(everyone(email=EMAIL), [("email", EMAIL)], slow=True),
    "nothing written as e-mail, in three ways": Poison(
        lambda rows: [{**row, "email": ("", "   ", "nan")[at % 3]} for at, row in enumerate(rows)],
        placeholders=[("email", "nan")],
    ),
    "everyone called Guest": Poison(
        everyone(given_name="Guest", family_name="Guest"),
        placeholders=[("given_name", "guest"), ("family_name", "guest")],
    ),
    "everyone called John Doe": Poison(
        everyone(given_name="John", family_name="Doe"), [("name_pair", "doe john")], slow=True
    ),
    "everyone called Guest, at one phone": Poison(
        everyone(given_name="Guest", family_name="", phone=PHONE),
        [("phone", "+12125550187")],
        [("given_name", "guest")],
    ),
    "everyone called John Doe, at one phone": Poison(
        everyone(given_name="John", family_name="Doe", phone=PHONE),
        [("name_pair", "doe john"), ("phone", "+12125550187")],
    ),
    "ids and phones of noughts, born on a default": Poison(
        everyone(cookie_id="0000-0000", phone="000-000-0000", birth_date="1900-01-01"),
        placeholders=[("cookie_id", "00000000"), ("phone", "0000000000"), ("birth_date", "1900-01-01")],
    ),
    "born on one day": Poison(everyone(birth_date="1985-05-05"), [("birth_date", "1985-05-05")]),
    "one loyalty card for everyone": Poison(everyone(loyalty_id="L-0042-4242"), [("loyalty_id", "l00424242")]),
    "one cookie for everyone": Poison(everyone(cookie_id="ck-kiosk-1"), [("cookie_id", "ckkiosk1")], slow=True),
}
