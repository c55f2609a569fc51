"""Every record gets its standard values: each rule runs once per distinct value, then rows are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import duckdb

from pipelines.work import uncompressed
from profile_service.identity import phones, shortcuts, values
from profile_service.identity.model import Model
from profile_service.identity.records import DERIVED_FROM, STANDARD_COLUMNS
from profile_service.identity.spelling import sound
from profile_service.identity.standardise import ends_of_full, middle_of_full, nickname_roots
from profile_service.identity.vocabulary import Vocabulary

Work = duckdb.DuckDBPyConnection
# Of corrected names g and a, see ``identity.standardise.name_pair``.
NAME_PAIR = "CASE WHEN g.fixed <= a.fixed THEN g.fixed || ' ' || a.fixed ELSE a.fixed || ' ' || g.fixed END"
VALUE_COLUMNS = tuple(column for column in STANDARD_COLUMNS if column != "name_pair")


def standardised_columns(model: Model) -> str:
    """Column definitions of the ``standardised`` table."""
    texts = ", ".join(f"{column} VARCHAR" for column in STANDARD_COLUMNS)
    bins = ", ".join(f"{column}_bin UTINYINT" for column in model.binned)
    return f"rid INTEGER, {texts}, {bins}, apart UTINYINT"


def define_rule(work: Work, name: str, rule: Callable[..., Any], arguments: int, returns: str) -> None:
    """Let SQL call a Python rule; a rule already known by that name is replaced, for its model may be another."""
    with suppress(duckdb.InvalidInputException):
        work.remove_function(name)
    texts: list[Any] = ["VARCHAR"] * arguments
    work.create_function(name, rule, texts, returns, null_handling="special", side_effects=False)  # type: ignore[call-overload]


def define_value_rules(work: Work, words: Vocabulary) -> None:
    """Make the rules for single values callable from SQL as ``rule_…``; lists stand for what falls apart."""

    def parts(text: str) -> list[str | None]:
        name = values.name_parts(text, words)
        return [name.first, name.rest, name.suffix]

    def family(text: str) -> list[str | None]:
        name = values.name_parts(text, words)
        return [values.family_name(name), name.suffix]

    def full(text: str) -> list[str | None]:
        first, last = ends_of_full(text, words)
        return [first, last, middle_of_full(text, words)]

    def street(text: str) -> list[str | None]:
        line = values.street(text, words)
        return [line.line, line.number, line.name]

    lists = {"given": parts, "family": family, "full": full, "street": street}
    for name, rule in lists.items():
        define_rule(work, f"rule_{name}", rule, 1, "VARCHAR[]")
    texts: dict[str, Callable[[str], str | None]] = {
        "middle": lambda text: values.family_name(values.name_parts(text, words)),
        "sex": lambda text: values.sex(text, words),
        "birth_date": lambda text: values.birth_date(text, words),
        "place": lambda text: values.place(text, words),
        "email": lambda text: values.email(text, words),
        "postcode": lambda text: values.postcode(text, words),
        "identifier": lambda text: values.digits_or_letters(text, words),
        "country": lambda text: phones.country_code(text, words),
        "roots": lambda name: nickname_roots(name, words),
        "sound": sound,
    }
    for name, text_rule in texts.items():
        define_rule(work, f"rule_{name}", text_rule, 1, "VARCHAR")


def define_line_rule(work: Work, words: Vocabulary) -> None:
    """Make ``rule_lines`` callable: two lines of an address, put right where they stand in each other's place."""

    def lines(first: str | None, second: str | None) -> tuple[str, str] | None:
        return values.lines_in_order(first, second, words) if first and second else None

    define_rule(work, "rule_lines", lines, 2, "VARCHAR[]")


# Column of a record = the rule for it and, for rules that answer lists, the standard columns of the list's places.
TEXT_FIELDS = {
    "middle_name": "middle",
    "sex": "sex",
    "birth_date": "birth_date",
    "birth_place": "place",
    "occupation": "place",
    "email": "email",
    "postcode": "postcode",
    "city": "place",
    "region": "place",
    "country": "country",
    "loyalty_id": "identifier",
    "cookie_id": "identifier",
    "device_id": "identifier",
}
_LIST_RULES = {
    "given_name": ("given", ("first", "rest", "suffix")),
    "family_name": ("family", ("last", "suffix")),
    "full_name": ("full", ("first", "last", "middle")),
}


def _shortcuts(words: Vocabulary) -> dict[str, shortcuts.Shortcut]:
    """Field = what settles its plain values without Python."""
    identifiers = [field for field, rule in TEXT_FIELDS.items() if rule == "identifier"]
    return dict.fromkeys(identifiers, shortcuts.identifier_shortcut()) | {
        "email": shortcuts.email_shortcut(words),
        "given_name": shortcuts.given_name_shortcut(words),
        "family_name": shortcuts.family_name_shortcut(words),
        "postcode": shortcuts.postcode_shortcut(),
    }


# What has to be read before the other fields: names to be corrected, and where a phone number is dialled.
READ_FIRST = ("given_name", "family_name", "full_name", "middle_name", "country")
READ_THEN = tuple(field for field in TEXT_FIELDS if field not in READ_FIRST)
_USUAL_COUNTRIES = 12  # whose plans are looked at in SQL, one after the other


def read_values(work: Work, fresh: str, words: Vocabulary, fields: Iterable[str]) -> None:
    """Make ``dict_<field>(raw, n, …)`` for some fields of the rows in relation ``fresh``: distinct values as read.

    ``n`` counts the rows. Phones wait for ``read_plain_phones``, which needs to know the country, and streets for
    ``asked``.
    """
    plain = _shortcuts(words)
    for field in fields:
        distinct = f"SELECT {field} AS raw, count(*) AS n FROM {fresh} WHERE {field} IS NOT NULL GROUP BY 1"
        with_cheap = plain.get(field, shortcuts.NOTHING_IS_PLAIN).over(distinct)
        if field in TEXT_FIELDS:
            select = f"SELECT raw, n, coalesce(cheap, rule_{TEXT_FIELDS[field]}(raw)) AS value FROM ({with_cheap})"
        else:
            rule, places = _LIST_RULES[field]
            columns = ", ".join(f"list[{i}] AS {place}" for i, place in enumerate(places, start=1))
            lists = f"SELECT raw, n, coalesce(cheap, rule_{rule}(raw)) AS list FROM ({with_cheap})"
            select = f"SELECT raw, n, {columns} FROM ({lists})"
        work.execute(f"CREATE OR REPLACE TEMP TABLE dict_{field} AS {select}")


def houses_sql(distinct: str) -> str:
    """A query of everything in query ``distinct(raw, …)``, and of its house number and the street behind it."""
    return f"""SELECT *, {shortcuts.AFTER_HOUSE_NUMBER} AS street
        FROM (SELECT *, {shortcuts.HOUSE_NUMBER} AS house FROM ({distinct}))"""


def streets_sql(houses: str, streets: str) -> str:
    """A query ``(raw, n, list)`` of street lines as read: a street is read once, whatever its house numbers.

    ``houses``: a relation as ``houses_sql`` makes one; ``streets``: one of ``(street, list)``.
    """
    return f"SELECT raw, n, {shortcuts.WITH_HOUSE_NUMBER} AS list FROM {houses} JOIN {streets} USING (street)"


def usual_country(work: Work, fresh: str) -> str | None:
    """The country most records name, else the one whose calling code most phone numbers carry, else ``None``."""
    named = work.execute(
        "SELECT value FROM dict_country WHERE value IS NOT NULL GROUP BY value ORDER BY sum(n) DESC, value LIMIT 1"
    ).fetchone()
    if named:
        return str(named[0])
    numbers = work.execute(
        f"SELECT phone FROM {fresh} WHERE phone LIKE '+%' ORDER BY hash(phone), phone LIMIT 1000"
    ).fetchall()
    return phones.most_frequent_country([number for (number,) in numbers])


def read_plain_phones(work: Work, fresh: str, default_country: str | None) -> None:
    """Make ``dict_phone(raw, country, n, value)``: a number is read where its record says it would be dialled.

    What is no plain number is missing until ``asked`` has entered it.
    """
    met = work.execute("SELECT value FROM dict_country WHERE value IS NOT NULL GROUP BY 1 ORDER BY sum(n) DESC, 1")
    usual = dict.fromkeys(filter(None, (default_country, *(country for (country,) in met.fetchall()))))
    distinct = f"""SELECT f.phone AS raw, coalesce(c.value, $country) AS country, count(*) AS n
        FROM {fresh} f LEFT JOIN dict_country c ON f.country = c.raw WHERE f.phone IS NOT NULL GROUP BY 1, 2"""
    plain = shortcuts.phone_shortcut(list(usual)[:_USUAL_COUNTRIES]).over(distinct)
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE dict_phone AS SELECT raw, country, n, cheap AS value FROM ({plain})",
        {"country": default_country},
    )


def put_together(work: Work, fresh: str, model: Model, into: str, bins: Mapping[str, str]) -> None:
    """Append to ``into`` a row of standard values for each row of ``fresh``, from its dictionaries and names.

    ``bins``: each bin column and its SQL, see ``frequency.enter_bins``.
    """
    default_country = model.trained.default_country if model.trained else None
    values_of = {field: f"d_{field}.value" for field in TEXT_FIELDS} | {
        "given_name": "n.given_name",
        "given_fixed": "g.fixed",
        "given_root": "split_part(g.roots, ' ', 1)",
        "given_roots": "g.roots",
        "given_sound": "g.sound",
        "middle_name": "n.middle_name",
        "family_name": "n.family_name",
        "family_fixed": "a.fixed",
        "family_sound": "a.sound",
        "name_pair": NAME_PAIR,
        "suffix": "n.suffix",
        "email_local": "left(d_email.value, length(d_email.value) - length(split_part(d_email.value, '@', -1)) - 1)",
        "phone": "p.value",
        "phone_tail": "right(p.value, 7)",
        "street": "d_street.line",
        "street_number": "d_street.number",
        "street_name": "d_street.name",
        "street_2": "d_street_2.line",
    }
    fields = [field for field in (*TEXT_FIELDS, "street", "street_2") if field != "middle_name"]
    selected = {column: values_of[column] for column in STANDARD_COLUMNS} | dict(bins) | {"apart": "e.number"}
    work.execute(
        f"""INSERT INTO {into} BY NAME
        SELECT f.rid, {", ".join(f"{sql} AS {column}" for column, sql in selected.items())}
        FROM {fresh} f JOIN fresh_names n ON n.rid = f.rid {dictionaries(fields)}
        LEFT JOIN spelled_given g ON n.given_name = g.name
        LEFT JOIN spelled_family a ON n.family_name = a.name
        LEFT JOIN {joined_phones("p")} LEFT JOIN duplicate_free e ON e.channel = f.channel""",
        {"country": default_country},
    )


def keep(work: Work) -> None:
    """Make the temporary table ``standardised`` a permanent one, for later runs.

    Written where it was put together, it held linking up, and the names that mailboxes tell were an update, for which
    a COMMIT writes the whole table once more.
    """
    with uncompressed(work):
        work.execute("CREATE TABLE main.standardised AS FROM temp.standardised")
    work.execute("DROP TABLE temp.standardised")


def joined_phones(name: str, table: str = "dict_phone") -> str:
    """What to join rows ``f`` and their country ``d_country`` with, for the reading of each phone number."""
    dialled = f"{name}.country IS NOT DISTINCT FROM coalesce(d_country.value, $country)"
    return f"{table} {name} ON f.phone = {name}.raw AND {dialled}"


def dictionaries(fields: Iterable[str]) -> str:
    """Joins of rows ``f`` with the dictionaries of some fields."""
    return " ".join(f"LEFT JOIN dict_{field} d_{field} ON f.{field} = d_{field}.raw" for field in fields)


def drop_dictionaries(work: Work) -> None:
    """Give back the room of the dictionaries."""
    tables = [f"dict_{field}" for field in (*TEXT_FIELDS, *_LIST_RULES, "street", "street_2", "phone")]
    for table in (*tables, "fresh_names", "spelled_given", "spelled_family", "known_given", "known_family"):
        work.execute(f"DROP TABLE IF EXISTS {table}")


def lost_with(column: str) -> tuple[str, ...]:
    """The columns that go missing when a value of ``column`` is generic."""
    return (column, *DERIVED_FROM.get(column, ()))
