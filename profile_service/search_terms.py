"""One customer's records become the words an agent's search finds it by; the same rule as SQL gives everyone theirs.

A name stands as itself, its corrected spelling and the names it may be short for. Everything else carries a mark, so
that no two kinds meet by accident: ``s_`` how a name sounds, ``p_`` a phone number's digits from the last to the
first, ``l_`` a loyalty number likewise, ``d_`` an e-mail's domain, ``b_`` a birth date. An e-mail's mailbox stands
with each of its endings, so that any fragment of it is the beginning of a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

# The columns of the search index: what a word was found in.
NAMES, CONTACTS, PLACE, NUMBERS = SEARCH_COLUMNS = ("names", "contacts", "place", "numbers")

SOUND, PHONE, LOYALTY, DOMAIN, BIRTH = "s_", "p_", "l_", "d_", "b_"
SHORTEST_FRAGMENT = 3  # letters of a mailbox that are worth a search
MOST_ENDINGS = 20  # of a mailbox: no one types more of its beginning away

_NAME_COLUMNS = ("given_name", "given_fixed", "given_roots", "middle_name", "family_name", "family_fixed")
_SOUND_COLUMNS = ("given_sound", "family_sound")
_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")


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
    return _PLAIN.sub("", text).lower()


def digits(text: str) -> str:
    """The ASCII digits of ``text``."""
    return _NOT_DIGIT.sub("", text)


def search_terms(records: Iterable[Searchable]) -> dict[str, list[str]]:
    """The words of one customer for each of ``SEARCH_COLUMNS``, in alphabetical order, each once."""
    found: dict[str, set[str]] = {column: set() for column in SEARCH_COLUMNS}
    for record in records:
        found[NAMES].update(_names(record))
        found[CONTACTS].update(_contacts(record))
        found[PLACE].update(_places(record))
        found[NUMBERS].update(_numbers(record))
    return {column: sorted(words) for column, words in found.items()}


def _names(record: Searchable) -> Iterator[str]:
    for column in _NAME_COLUMNS:
        yield from (record.standard.get(column) or "").split()
    for column in _SOUND_COLUMNS:
        sound = plain(record.standard.get(column) or "")
        if sound:
            yield SOUND + sound


def _contacts(record: Searchable) -> Iterator[str]:
    mailbox, _, domain = (record.standard.get("email") or "").rpartition("@")
    yield from mailbox_words(mailbox)
    if plain(domain):
        yield DOMAIN + plain(domain)
    phone = digits(record.standard.get("phone") or "")
    if phone:
        yield PHONE + phone[::-1]


def mailbox_words(mailbox: str) -> list[str]:
    """A mailbox without separators and each of its endings of three letters or more, the longest first."""
    whole = plain(mailbox)
    if not whole:
        return []
    return [whole[start:] for start in range(max(1, min(len(whole) - SHORTEST_FRAGMENT + 1, MOST_ENDINGS)))]


def _places(record: Searchable) -> Iterator[str]:
    postcode = plain(record.standard.get("postcode") or "")
    if postcode:
        yield postcode
    yield from (record.standard.get("city") or "").split()


def _numbers(record: Searchable) -> Iterator[str]:
    loyalty = plain(record.standard.get("loyalty_id") or "")
    if loyalty:
        yield loyalty
        yield LOYALTY + loyalty[::-1]
    source = plain(record.source_record_id)
    if source:
        yield source
    birth = digits(record.standard.get("birth_date") or "")
    if birth:
        yield BIRTH + birth


def search_terms_sql(records: str) -> str:
    """A DuckDB query ``(customer_id, names, contacts, place, numbers)``: the words of each customer, space-joined.

    ``records``: a relation with a row a record: ``customer_id``, ``source_record_id`` and the standard columns under
    their own names (NULL when missing), as ``standardised`` has them.
    """
    lists = {
        NAMES: _merged_sql(
            *(f"string_split({column}, ' ')" for column in _NAME_COLUMNS),
            *(_marked_sql(SOUND, _plain_sql(column)) for column in _SOUND_COLUMNS),
        ),
        CONTACTS: _merged_sql(
            _mailbox_words_sql(_plain_sql("left(email, length(email) - instr(reverse(email), '@'))")),
            _marked_sql(DOMAIN, _plain_sql("string_split(email, '@')[-1]")),
            _marked_sql(PHONE, f"reverse({_digits_sql('phone')})"),
        ),
        PLACE: _merged_sql(f"[{_plain_sql('postcode')}]", "string_split(city, ' ')"),
        NUMBERS: _merged_sql(
            f"[{_plain_sql('loyalty_id')}, {_plain_sql('source_record_id')}]",
            _marked_sql(LOYALTY, f"reverse({_plain_sql('loyalty_id')})"),
            _marked_sql(BIRTH, _digits_sql("birth_date")),
        ),
    }
    of_record = ", ".join(f"{words} AS {column}" for column, words in lists.items())
    alone = ", ".join(f"array_to_string({column}, ' ') AS {column}" for column in SEARCH_COLUMNS)
    merged = ", ".join(
        f"array_to_string(list_distinct(flatten(list({column}))), ' ') AS {column}" for column in SEARCH_COLUMNS
    )
    # most customers have one record: only the others need their lists merged
    return f"""WITH words AS MATERIALIZED (
            SELECT customer_id, count(*) OVER (PARTITION BY customer_id) AS records, {of_record} FROM {records})
        SELECT customer_id, {alone} FROM words WHERE records = 1 UNION ALL
        SELECT customer_id, {merged} FROM words WHERE records > 1 GROUP BY customer_id"""


def _plain_sql(text: str) -> str:
    return f"lower(regexp_replace({text}, '[^A-Za-z0-9]+', '', 'g'))"


def _digits_sql(text: str) -> str:
    return f"regexp_replace({text}, '[^0-9]+', '', 'g')"


def _marked_sql(mark: str, word: str) -> str:
    return f"[CASE WHEN {word} <> '' THEN '{mark}' || {word} END]"


def _mailbox_words_sql(whole: str) -> str:
    last = f"greatest(1, least(length({whole}) - {SHORTEST_FRAGMENT - 1}, {MOST_ENDINGS}))"
    return f"list_transform(range(1, {last} + 1), lambda start: substr({whole}, start))"


def _merged_sql(*lists: str) -> str:
    """Several lists, any of them NULL, as one without empty words and repetitions."""
    parts = ", ".join(f"coalesce({words}, [])" for words in lists)
    return f"list_distinct(list_filter(flatten([{parts}]), lambda word: word <> ''))"
