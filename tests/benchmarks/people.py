"""A landing as one cleaned table ``people``, a row a record: the ordinary cleaning that every peer is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from profile_service.contracts.channels import Channel, load_channels
from profile_service.errors import UnusableInput
from tests.benchmarks.judge import Integers

TEXTS = (
    "given_name", "family_name", "email", "phone", "birth_date", "street", "street_2", "city", "region", "postcode",
    "country", "loyalty_id", "cookie_id", "device_id", "birth_place", "occupation",
)  # fmt: skip
# what peers compare and block on; the others tell nothing that these do not
FIELDS = (
    "given_name", "family_name", "birth_date", "email", "phone", "street", "street_2", "postcode", "city",
    "loyalty_id", "device", "birth_place", "occupation",
)  # fmt: skip
_OTHER_NAMES = {"street_2": "address_2"}
_BLANKS = "('', 'nan', 'n/a', 'null', 'none', '-')"
_LEAST_FILLED = 0.02  # as in this project: a column emptier than this takes no part
_CLEANED = f"""
    CREATE TABLE people AS
    WITH trimmed AS (
        SELECT channel, apart, source_record_id, COLUMNS(* EXCLUDE (channel, apart, source_record_id)).trim().lower()
        FROM incoming
    ), filled AS (
        SELECT channel, apart, source_record_id,
            {", ".join(f"CASE WHEN {name} NOT IN {_BLANKS} THEN {name} END AS {name}" for name in TEXTS)}
        FROM trimmed
    )
    SELECT row_number() OVER (ORDER BY channel, source_record_id) - 1 AS unique_id, channel, apart, source_record_id,
        given_name, family_name, email, birth_date, street, street_2, city, loyalty_id, birth_place, occupation,
        CASE WHEN length(digits) >= 7 THEN right(digits, 10) END AS phone,
        nullif(regexp_replace(regexp_replace(postcode, '-[0-9]{{4}}$', ''), '[^a-z0-9]', '', 'g'), '') AS postcode,
        coalesce(device_id, cookie_id) AS device
    FROM (SELECT *, regexp_replace(phone, '[^0-9]', '', 'g') AS digits FROM filled)
"""


@dataclass(frozen=True)
class People:
    """Where ``people`` stands: how many, which fields are filled, and whether the channels hold no person twice.

    ``people``: unique_id from 0 by channel and id, channel, source_record_id, the ``FIELDS``, and ``apart``: the
    channel's name where no two records of it are one person, else NULL.
    """

    connection: duckdb.DuckDBPyConnection
    count: int
    fields: tuple[str, ...]
    duplicate_free: bool


def read(connection: duckdb.DuckDBPyConnection, landing: Path, channels: Path | None) -> None:
    """Read the customers of every channel into ``incoming``, all text, under the contract's names."""
    parts = [
        _selected(connection, path, channel)
        for channel in load_channels(channels)
        if channel.customers
        for path in sorted(landing.glob(channel.customers))
    ]
    if not parts:
        raise UnusableInput(f"{landing} holds no customers of any channel")
    connection.execute(f"CREATE TABLE incoming AS {' UNION ALL '.join(parts)}")


def clean(connection: duckdb.DuckDBPyConnection) -> People:
    """Make ``people`` of ``incoming``: trimmed, lower case, blanks to NULL, digits of phones, postcodes in one form."""
    connection.execute(_CLEANED)
    shares = ", ".join(f"count({name})" for name in FIELDS)
    counted = f"SELECT count(*), bool_and(apart IS NOT NULL), {shares} FROM people"
    [(count, apart, *filled)] = connection.execute(counted).fetchall()
    return People(
        connection,
        count,
        tuple(name for name, held in zip(FIELDS, filled, strict=True) if held > _LEAST_FILLED * count),
        bool(apart),
    )


def live(rules: tuple[tuple[str, ...], ...], fields: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The rules all of whose fields are filled."""
    return [rule for rule in rules if set(rule) <= set(fields)]


def _selected(connection: duckdb.DuckDBPyConnection, path: Path, channel: Channel) -> str:
    source = _reader(path)
    present = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    columns = ["source_record_id", *TEXTS]
    names = [
        f"{_value(channel.columns.get(name) or (_OTHER_NAMES.get(name, name), name), present)} AS {name}"
        for name in columns
    ]
    apart = f"'{channel.name}'" if channel.duplicate_free else "NULL::VARCHAR"
    return f"SELECT '{channel.name}' AS channel, {apart} AS apart, {', '.join(names)} FROM {source}"


def _reader(path: Path) -> str:
    name = "'" + str(path).replace("'", "''") + "'"
    if path.suffix == ".parquet":
        return f"read_parquet({name})"
    if ".jsonl" in path.suffixes:
        columns = ", ".join(f"{column}: VARCHAR" for column in ("source_record_id", *TEXTS))
        return f"read_json({name}, format = 'newline_delimited', columns = {{{columns}}})"
    return f"read_csv({name}, all_varchar = true, header = true)"


def _value(columns: tuple[str, ...], present: set[str]) -> str:
    """The columns there are, joined by a space; NULL where there is none."""
    there = [f'"{column}"' for column in dict.fromkeys(columns) if column in present]
    if len(there) > 1:
        return f"nullif(concat_ws(' ', {', '.join(there)}), '')"
    return there[0] if there else "NULL::VARCHAR"


def candidates(people: People, rules: Sequence[tuple[str, ...]]) -> tuple[Integers, Integers]:
    """The distinct pairs of places that agree on every field of a rule; a missing value agrees with nothing."""
    apart = " AND a.channel <> b.channel" if people.duplicate_free else ""
    parts = [
        "SELECT a.unique_id AS l, b.unique_id AS r FROM people a JOIN people b ON "
        + " AND ".join(f"a.{name} = b.{name}" for name in rule)
        + f" WHERE a.unique_id < b.unique_id{apart}"
        for rule in rules
    ]
    pairs = people.connection.execute(" UNION ".join(parts)).fetchnumpy()
    return pairs["l"], pairs["r"]
