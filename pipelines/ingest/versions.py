"""Of all versions of a record or event, known or arriving, one stands: the same in whatever order they arrive."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import duckdb

from pipelines.ingest.reading import arriving
from pipelines.work import uncompressed
from profile_service.contracts.feeds import KEYS, FeedContract

Feed = tuple[str, str]  # channel, kind


@dataclass(frozen=True)
class _Kind:
    """Where versions of this kind live, and by what they are told apart."""

    name: str
    table: str
    history: str
    date: str

    @property
    def key(self) -> str:
        return KEYS[self.name]

    @property
    def has_rid(self) -> bool:
        return self.name == "customers"

    @property
    def values(self) -> dict[str, str]:
        """Each column of a version after its channel, with the SQL that types the arriving text."""
        fields = FeedContract(self.name).fields
        # try_cast: an engine may type rows that a later join drops, invalid ones too
        return {n: n if f.sql_type == "VARCHAR" else f"try_cast({n} AS {f.sql_type})" for n, f in fields.items()}

    @property
    def arrived(self) -> str:
        """A FROM item: the arriving rows typed as versions are kept, ``row`` by ``row``."""
        typed = ", ".join(f"{sql} AS {name}" for name, sql in self.values.items())
        return f"(SELECT rowid AS row, channel, file_id, {typed} FROM {arriving(self.name)})"

    @property
    def content(self) -> str:
        """A hash of everything sent but the key."""
        return f"hash({', '.join(sql for name, sql in self.values.items() if name != self.key)})"

    @property
    def tie(self) -> str:
        """Which of two versions of one date stands: by content; of undated records (NULL here) the later arrival."""
        return "row_hash" if self.name == "events" else f"CASE WHEN {self.date} IS NOT NULL THEN row_hash END"


KINDS = {
    "customers": _Kind("customers", "records", "record_history", "updated_at"),
    "events": _Kind("events", "events", "event_history", "occurred_at"),
}


@dataclass(frozen=True)
class Outcomes:
    """Rows of the arriving table by feed and outcome."""

    accepted: Counter[Feed]
    unchanged: Counter[Feed]
    superseded: Counter[Feed]
    replaced: int  # versions that stood and gave way to an accepted one


def settle(
    work: duckdb.DuckDBPyConnection, kind: str, run_seq: int, suppressed: str, *, authenticated: bool = True
) -> Outcomes:
    """Move every valid arriving row that is not ``suppressed`` (SQL) to where it belongs.

    ``authenticated``: whether those who sent the rows vouch for the people in them; a version that nobody vouches for
    never takes the place of one that somebody does, and always gives way to it.
    Leaves the temporary table ``accepted_<kind>``: ``row`` in the arriving table, and for customers ``rid``.
    """
    this = KINDS[kind]
    several = _rank(work, this, suppressed)
    _judge(work, this, several, authenticated=authenticated)
    outcomes = _count(work, this)
    _number(work, this)
    _apply(work, this, run_seq, outcomes, authenticated=authenticated)
    for name in ("versions", "judged"):
        work.execute(f"DROP TABLE {name}")
    return outcomes


def _rank(work: duckdb.DuckDBPyConnection, this: _Kind, suppressed: str) -> bool:
    """``versions``: each distinct content of each key once, and how many rows sent it; whether a key has several."""
    rows = (
        f"(SELECT rowid AS row, channel, {this.key}, {this.values[this.date]} AS {this.date},"
        f" {this.content} AS row_hash FROM {arriving(this.name)} WHERE ok AND NOT {suppressed})"
    )
    # counting hashes is cheaper than grouping by text, and a collision only means to group after all
    counted = work.execute(f"SELECT count(*), count(DISTINCT hash(channel, {this.key})) FROM {rows}").fetchone()
    several = counted is not None and counted[0] != counted[1]
    columns = f"channel, {this.key}, row_hash, {this.date}"
    grouped = f"max(row) AS row, count(*) AS copies FROM {rows} GROUP BY {columns}"
    alone = f"row, 1 AS copies FROM {rows}"
    work.execute(f"CREATE OR REPLACE TEMP TABLE versions AS SELECT {columns}, {grouped if several else alone}")
    return several


def _judge(work: duckdb.DuckDBPyConnection, this: _Kind, several: bool, *, authenticated: bool) -> None:
    """``judged``: each version's outcome, its content compared with the version that stands and those that did."""
    order = f"{this.date} DESC NULLS LAST, {this.tie} DESC NULLS LAST, row DESC"
    place = f"row_number() OVER (PARTITION BY channel, {this.key} ORDER BY {order})" if several else "1"
    # without a date and a tie by content, what arrives now is later than what stands
    vouched = unchanged = ""
    if this.has_rid:
        vouched = f"WHEN s.authenticated IS {'' if authenticated else 'NOT '}FALSE THEN {str(authenticated).lower()}"
        unchanged = f" AND s.authenticated IS {'NOT ' if authenticated else ''}FALSE"
    later = f"""CASE
        WHEN s.row_hash IS NULL THEN true
        {vouched}
        WHEN v.{this.date} IS NOT NULL AND s.{this.date} IS NOT NULL AND v.{this.date} <> s.{this.date}
            THEN v.{this.date} > s.{this.date}
        WHEN (v.{this.date} IS NULL) <> (s.{this.date} IS NULL) THEN s.{this.date} IS NULL
        WHEN v.tie IS NULL THEN true
        ELSE v.row_hash > s.row_hash END"""
    known = f"(v.channel, v.{this.key}, v.row_hash) IN (SELECT (channel, {this.key}, row_hash) FROM {this.history})"
    rid = "s.rid" if this.has_rid else "NULL::INTEGER"
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE judged AS"
        f" SELECT v.channel, v.{this.key}, v.row, v.row_hash, v.copies, {rid} AS rid, s.row_hash IS NOT NULL AS stood,"
        f" CASE WHEN v.row_hash = s.row_hash{unchanged} THEN 'unchanged' WHEN v.place = 1 AND {later} THEN 'accepted'"
        f" WHEN {known} THEN 'unchanged' ELSE 'superseded' END AS outcome"
        f" FROM (SELECT *, {this.tie} AS tie, {place} AS place FROM versions) v"
        f" LEFT JOIN {this.table} s ON s.channel = v.channel AND s.{this.key} = v.{this.key}"
    )


def _count(work: duckdb.DuckDBPyConnection, this: _Kind) -> Outcomes:
    counts: dict[str, Counter[Feed]] = {name: Counter() for name in ("accepted", "unchanged", "superseded")}
    replaced = 0
    rows = work.execute(
        "SELECT channel, outcome, count(*), sum(copies), count(*) FILTER (stood) FROM judged GROUP BY ALL"
    ).fetchall()
    for channel, outcome, versions, copies, stood in rows:
        counts[outcome][channel, this.name] += versions
        counts["unchanged"][channel, this.name] += int(copies) - versions
        replaced += stood if outcome == "accepted" else 0
    return Outcomes(**counts, replaced=replaced)


def _number(work: duckdb.DuckDBPyConnection, this: _Kind) -> None:
    """``accepted_<kind>``: known records keep their rid, new ones get the next, in order of channel and id."""
    number = ""
    if this.has_rid:
        row = work.execute(
            # membership too: a record erased in this very run must not lend its number to another
            "SELECT greatest((SELECT coalesce(max(rid), 0) FROM records),"
            " (SELECT coalesce(max(rid), 0) FROM record_history), (SELECT coalesce(max(rid), 0) FROM membership))"
        ).fetchone()
        last = int(row[0]) if row else 0
        fresh = f"{last} + row_number() OVER (PARTITION BY stood ORDER BY channel, {this.key})"
        number = f", (CASE WHEN stood THEN rid ELSE {fresh} END)::INTEGER AS rid"
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE accepted_{this.name} AS"
        f" SELECT row, row_hash, channel, {this.key}, stood{number} FROM judged WHERE outcome = 'accepted'"
    )


def _apply(
    work: duckdb.DuckDBPyConnection, this: _Kind, run_seq: int, outcomes: Outcomes, *, authenticated: bool
) -> None:
    """Replaced versions and late older ones go to history, accepted ones stand; nothing is asked for none of them."""
    same = f"s.channel = a.channel AND s.{this.key} = a.{this.key}"
    if outcomes.replaced:
        work.execute(
            f"INSERT INTO {this.history} BY NAME SELECT s.*, {run_seq} AS superseded_seq"
            f" FROM {this.table} s JOIN accepted_{this.name} a ON {same} WHERE a.stood"
        )
        work.execute(f"DELETE FROM {this.table} s USING accepted_{this.name} a WHERE {same} AND a.stood")
    if outcomes.accepted.total():
        _stand(work, this, run_seq, authenticated=authenticated)
    if outcomes.superseded.total():
        vouched = _vouched(this, authenticated=authenticated)
        rid = "s.rid, " if this.has_rid else ""
        work.execute(
            f"INSERT INTO {this.history} BY NAME SELECT {rid}i.* EXCLUDE (row), a.row_hash, {run_seq} AS changed_seq,"
            f" {run_seq} AS superseded_seq{vouched} FROM judged a JOIN {this.arrived} i ON i.row = a.row"
            f" JOIN {this.table} s ON {same} WHERE a.outcome = 'superseded'"
        )


def _stand(work: duckdb.DuckDBPyConnection, this: _Kind, run_seq: int, *, authenticated: bool) -> None:
    """The accepted versions take their places, which are free by now."""
    rid = "a.rid, " if this.has_rid else ""
    with uncompressed(work):
        work.execute(
            f"INSERT INTO {this.table} BY NAME"
            f" SELECT {rid}i.* EXCLUDE (row), a.row_hash, {run_seq} AS changed_seq"
            f"{_vouched(this, authenticated=authenticated)}"
            f" FROM {this.arrived} i JOIN accepted_{this.name} a ON i.row = a.row"
        )


def _vouched(this: _Kind, *, authenticated: bool) -> str:
    """SQL of one more column of a record that nobody vouches for."""
    return "" if authenticated or not this.has_rid else ", false AS authenticated"
