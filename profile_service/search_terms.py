"""One customer's records become the words an agent's search finds it by; the same rule as SQL gives everyone theirs.

Each word begins with a mark of its kind, so that no two kinds meet by accident, and so that words of one kind stand
together in order: a name stands as itself, in its corrected spelling, as the names it may be short for, and as it
sounds; what people remember by its end, a phone or a card number, is written backwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

NAME, SOUND, MAILBOX, DOMAIN, PHONE = "n_", "s_", "m_", "d_", "p_"
POSTCODE, CITY, LOYALTY, LOYALTY_END, SOURCE, BIRTH = "z_", "c_", "l_", "k_", "i_", "b_"
STREET = "a_"  # its name in one word, without number and kind

# The field of a profile that a word of each kind tells of; of a record's own id none does.
TOLD_BY = {
    NAME: "full_name",
    SOUND: "full_name",
    MAILBOX: "email",
    DOMAIN: "email",
    PHONE: "phone",
    POSTCODE: "postcode",
    CITY: "city",
    STREET: "street",
    LOYALTY: "loyalty_id",
    LOYALTY_END: "loyalty_id",
    BIRTH: "birth_date",
}

# Everything in ASCII that ``plain`` leaves out.
_MARKS = "".join(chr(code) for code in range(1, 128) if not chr(code).isalnum())
# A name that is the same in an earlier column says nothing new.
_NAMES_APART = {
    "given_name": (),
    "given_fixed": ("given_name",),
    "given_roots": ("given_name", "given_fixed"),
    "middle_name": (),
    "family_name": (),
    "family_fixed": ("family_name",),
}
_SOUNDS = ("given_sound", "family_sound")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")

# Columns whose words follow from each other's values stand together: they are taken apart as one.
SEARCHED_TOGETHER = (
    ("given_name", "given_fixed", "given_roots", "given_sound"),
    ("middle_name",),
    ("family_name", "family_fixed", "family_sound"),
    ("email", "email_local"),
    *((name,) for name in ("phone", "postcode", "city", "street_name", "loyalty_id", "birth_date")),
)
SEARCHED_COLUMNS = tuple(name for together in SEARCHED_TOGETHER for name in together)


class Searchable(Protocol):
    """What the rule reads of a record: its id in its channel and its standard values."""

    @property
    def source_record_id(self) -> str:
        """The record's id within its channel."""

    @property
    def standard(self) -> Mapping[str, str | None]:
        """The standard columns, ``None`` when missing or generic."""


def plain(text: str) -> str:
    """ASCII letters and digits of ``text`` in lower case, everything else left out."""
    return _NOT_PLAIN.sub("", text).lower()


def digits(text: str) -> str:
    """The ASCII digits of ``text``."""
    return _NOT_DIGIT.sub("", text)


def search_terms(records: Iterable[Searchable]) -> list[str]:
    """The words of one customer, in order, each once."""
    return sorted({word for record in records for word in _words(record) if len(word) > len(NAME)})


def _words(record: Searchable) -> Iterator[str]:
    known = {column: value for column, value in record.standard.items() if value is not None}
    for column in _NAMES_APART:
        yield from (NAME + word for word in known.get(column, "").split())
    for column in _SOUNDS:
        yield SOUND + plain(known.get(column, ""))
    mailbox, _, domain = known.get("email", "").rpartition("@")
    yield MAILBOX + plain(mailbox)
    yield DOMAIN + domain
    yield PHONE + digits(known.get("phone", ""))[::-1]
    yield POSTCODE + known.get("postcode", "")
    yield from (CITY + word for word in known.get("city", "").split())
    yield STREET + known.get("street_name", "")
    yield LOYALTY + known.get("loyalty_id", "")
    yield LOYALTY_END + known.get("loyalty_id", "")[::-1]
    yield SOURCE + plain(record.source_record_id)
    yield BIRTH + digits(known.get("birth_date", ""))


def search_words_sql(records: str) -> str:
    """A DuckDB query ``(number, word)`` of the words of every customer; the same word may come more than once.

    ``records``: a relation with a row a record: the customer's ``number``, ``source_record_id`` and the standard
    columns under their own names (NULL when missing), as ``standardised`` has them.
    """
    return f"{value_words_sql(dict.fromkeys(SEARCHED_COLUMNS, records))} UNION ALL {source_words_sql(records)}"


def value_words_sql(values: Mapping[str, str]) -> str:
    """The same of the standard columns alone: ``values`` names, for each of them, a relation with a ``number`` and all
    the columns that stand together with it in SEARCHED_TOGETHER.
    """
    parts = [_one_sql(SOUND, f"lower(replace({column}, ' ', ''))", column) for column in _SOUNDS]
    for column, earlier in _NAMES_APART.items():
        parts += _several_sql(NAME, column, earlier)
    parts += [
        *_several_sql(CITY, "city"),
        _one_sql(MAILBOX, _plain_sql("email_local"), "email_local"),
        _one_sql(DOMAIN, "substr(email, length(email_local) + 2)", "email"),
        _one_sql(PHONE, "reverse(ltrim(phone, '+'))", "phone"),
        _one_sql(POSTCODE, "postcode", "postcode"),
        _one_sql(STREET, "street_name", "street_name"),
        _one_sql(LOYALTY, "loyalty_id", "loyalty_id"),
        _one_sql(LOYALTY_END, "reverse(loyalty_id)", "loyalty_id"),
        _one_sql(BIRTH, "replace(birth_date, '-', '')", "birth_date"),
    ]
    return _words_sql((word, values[column], held) for column, word, held in parts)


def source_words_sql(records: str) -> str:
    """The same of the records' own ids."""
    _, word, held = _one_sql(SOURCE, _source_sql("source_record_id"), "source_record_id")
    return _words_sql([(word, records, held)])


def _words_sql(parts: Iterable[tuple[str, str, str]]) -> str:
    words = " UNION ALL ".join(f"SELECT number, {word} AS word FROM {rows} WHERE {held}" for word, rows, held in parts)
    return f"SELECT number, word FROM ({words}) WHERE strlen(word) > {len(NAME)}"


def _one_sql(mark: str, word: str, column: str) -> tuple[str, str, str]:
    """The column, a word of it, and where there is one."""
    return column, f"'{mark}' || {word}", f"{column} IS NOT NULL"


def _several_sql(mark: str, column: str, earlier: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """Most values are one word: only the others are taken apart."""
    new = "".join(f" AND {column} IS DISTINCT FROM {other}" for other in earlier)
    return [
        (column, f"'{mark}' || {column}", f"{column} IS NOT NULL AND NOT contains({column}, ' '){new}"),
        (column, f"'{mark}' || unnest(string_split({column}, ' '))", f"contains({column}, ' '){new}"),
    ]


def _plain_sql(folded: str) -> str:
    """``plain`` of ASCII text; most has three marks or none, and ``translate`` takes ten times as long as the rest."""
    fewer = f"replace(replace(replace({folded}, '.', ''), '_', ''), '-', '')"
    marks = _MARKS.replace(chr(39), chr(39) * 2)
    dear = f"translate({folded}, '{marks}', '')"
    return f"lower(CASE WHEN regexp_full_match({fewer}, '[A-Za-z0-9]*') THEN {fewer} ELSE {dear} END)"


def _source_sql(text: str) -> str:
    """``plain`` of any text: most ids are so already, and the dear way is only for what goes beyond ASCII."""
    beyond = f"lower(regexp_replace({text}, '[^A-Za-z0-9]+', '', 'g'))"
    return f"""CASE WHEN regexp_full_match({text}, '[A-Za-z0-9]*') THEN lower({text})
        WHEN strlen({text}) = length({text}) THEN {_plain_sql(text)} ELSE {beyond} END"""
