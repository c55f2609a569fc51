"""A small work store made by hand: records, clusters, links and events, without ingest or linkage."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from pipelines.identify import IdentifyCounts, identify
from pipelines.progress import SilentProgress
from pipelines.run_context import RunContext
from pipelines.work import RECORD_FIELDS, open_work
from profile_service.identity.ids import IdSource

STANDARD = ("given_name", "family_name", "email", "phone", "birth_date", "street", "city", "postcode", "loyalty_id")
FIRST_RUN = datetime(2026, 1, 1, tzinfo=UTC)


def moment(day: int) -> datetime:
    """Day number ``day`` of the world."""
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day)


def run_context(seq: int) -> RunContext:
    """The run of that number, a day after the one before."""
    return RunContext(seq, f"run_{seq:04d}", FIRST_RUN + timedelta(days=seq), SilentProgress())


class WorkWorld:
    """A work store and its runs; records are named ``channel:id``."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.work: duckdb.DuckDBPyConnection = open_work(data_dir)
        self.work.execute("SET fsync_mode = 'NONE'")  # no test cuts the power
        columns = ", ".join(f"{name} VARCHAR" for name in (*STANDARD, "given_fixed", "family_fixed"))
        self.work.execute(f"CREATE TABLE IF NOT EXISTS standardised (rid INTEGER, {columns})")
        self.work.execute(
            "CREATE TABLE IF NOT EXISTS generic_values (field VARCHAR, value VARCHAR, holders BIGINT, "
            "distinct_family_names BIGINT)"
        )
        self.work.execute("CREATE TABLE IF NOT EXISTS withheld (rid INTEGER, field VARCHAR, value VARCHAR)")
        self.work.execute("CREATE TABLE IF NOT EXISTS duplicate_free (channel VARCHAR, number UTINYINT)")
        self.work.execute("CREATE TABLE IF NOT EXISTS withheld (rid INTEGER, field VARCHAR, value VARCHAR)")
        for judged in ("judged", "judged_before"):
            self.work.execute(f"CREATE TEMP TABLE {judged} (l INTEGER, r INTEGER, verdict VARCHAR)")
        self.work.execute("CREATE TEMP TABLE flipped (field VARCHAR, value VARCHAR, generic BOOLEAN)")
        self.seq = int(self.work.execute("SELECT coalesce(max(run_seq), 0) FROM runs").fetchall()[0][0])

    @classmethod
    def copied(cls, made: Path, data_dir: Path) -> WorkWorld:
        """A world as another test left it, closed, in ``made``; that one stays as it is."""
        shutil.copytree(made, data_dir, symlinks=True, dirs_exist_ok=True)
        return cls(data_dir)

    def begin(self) -> RunContext:
        """Start the next run."""
        self.seq += 1
        context = run_context(self.seq)
        self.work.execute(
            "INSERT INTO runs BY NAME SELECT ? AS run_seq, ? AS run_id, 'resolved' AS state, ? AS started_at, "
            "'model-1' AS model_version, '{}' AS counts",
            [context.run_seq, context.run_id, context.now],
        )
        return context

    def record(self, key: str, day: int | None = 0, **fields: str) -> None:
        """A new record, or a new version of a known one; standard values are the sent ones in lower case."""
        channel, source_record_id = key.split(":")
        known = self.work.execute(
            "SELECT rid FROM records WHERE channel = ? AND source_record_id = ?", [channel, source_record_id]
        ).fetchall()
        if known:
            rid = known[0][0]
            self.work.execute(
                "INSERT INTO record_history SELECT *, ? FROM records WHERE rid = ?", [max(self.seq, 1), rid]
            )
            self.forget(key)
        else:
            rid = self.work.execute("SELECT coalesce(max(rid), -1) + 1 FROM records").fetchall()[0][0]
        values = {name: fields.get(name) for name in RECORD_FIELDS}
        self.work.execute(
            f"INSERT INTO records BY NAME SELECT ? AS rid, ? AS channel, ? AS source_record_id, "
            f"{', '.join(f'? AS {name}' for name in values)}, ?::TIMESTAMPTZ AS updated_at, ? AS changed_seq",
            [rid, channel, source_record_id, *values.values(), None if day is None else moment(day), max(self.seq, 1)],
        )
        standard = {name: value.lower() if (value := fields.get(name)) else None for name in STANDARD}
        self.work.execute(
            f"INSERT INTO standardised BY NAME SELECT ? AS rid, {', '.join(f'? AS {name}' for name in standard)}",
            [rid, *standard.values()],
        )
        self.work.execute(
            "UPDATE standardised SET given_fixed = given_name, family_fixed = family_name WHERE rid = ?", [rid]
        )

    def crowd(self, channel: str, count: int) -> list[str]:
        """``count`` new records of a channel, each of its own person, at once; answers their names."""
        self.work.execute(
            """INSERT INTO records BY NAME
               SELECT (SELECT coalesce(max(rid), -1) + 1 FROM records) + n::INTEGER AS rid, ? AS channel,
                      n::VARCHAR AS source_record_id, 'Name' || n AS given_name, '+44' || lpad(n::VARCHAR, 6, '0')
                      AS phone, ?::TIMESTAMPTZ AS updated_at, ? AS changed_seq FROM range(?) t(n)""",
            [channel, moment(3), max(self.seq, 1), count],
        )
        self.work.execute(
            """INSERT INTO standardised BY NAME
               SELECT rid, lower(given_name) AS given_name, lower(given_name) AS given_fixed, phone
               FROM records WHERE channel = ?""",
            [channel],
        )
        return [f"{channel}:{number}" for number in range(count)]

    def forget(self, key: str) -> None:
        """Take a current record away."""
        rid = self.rid(key)
        self.work.execute("DELETE FROM records WHERE rid = ?", [rid])
        self.work.execute("DELETE FROM standardised WHERE rid = ?", [rid])
        self.work.execute("DELETE FROM scored_pairs WHERE l = ? OR r = ?", [rid, rid])

    def event(self, key: str, event_id: str, day: int = 0, amount: float | None = None, currency: str = "EUR") -> None:
        """An event of a record, that need not exist."""
        channel, source_record_id = key.split(":")
        self.work.execute("DELETE FROM events WHERE channel = ? AND event_id = ?", [channel, event_id])
        self.work.execute(
            "INSERT INTO events BY NAME SELECT ? AS channel, ? AS event_id, ? AS source_record_id, 'purchase' AS "
            "event_type, ?::TIMESTAMPTZ AS occurred_at, ?::DECIMAL(18, 4) AS amount, ? AS currency, ? AS changed_seq",
            [channel, event_id, source_record_id, moment(day), amount, currency, max(self.seq, 1)],
        )

    def link(self, left: str, right: str, bits: float) -> None:
        """A scored pair."""
        low, high = sorted((self.rid(left), self.rid(right)))
        pattern = round(bits * 10) + 1000
        self.work.execute("INSERT INTO scored_pairs VALUES (?, ?, ?, ?)", [low, high, pattern, bits])
        self.work.execute("DELETE FROM patterns WHERE pattern = ?", [pattern])
        self.work.execute(
            'INSERT INTO patterns VALUES (?, ?, ?, \'{"email": "exact"}\')', [pattern, bits, 1 / (1 + 2**-bits)]
        )

    def near_miss(self, left: str, right: str, bits: float) -> None:
        """Two customers, by a record of each, that stayed two."""
        low, high = sorted((self.rid(left), self.rid(right)))
        self.work.execute("INSERT INTO near_misses VALUES (?, ?, ?, ?, false, false)", [low, high, bits, -bits])

    def rid(self, key: str) -> int:
        """The number of a record."""
        rows = self.work.execute(
            "SELECT rid FROM records WHERE channel || ':' || source_record_id = ?", [key]
        ).fetchall()
        return int(rows[0][0])

    def identify(
        self, context: RunContext, clusters: Iterable[str], ids: IdSource | None = None, *, revised: bool = True
    ) -> IdentifyCounts:
        """Carry clusters (each a text of record names) over; a record that has no customer yet gets its own.

        Clusters must hold every record of a customer that they touch. ``revised``: their values or pairs are new.
        """
        members = [(key, number) for number, cluster in enumerate(clusters) for key in cluster.split()]
        self.work.execute(
            """CREATE OR REPLACE TEMP TABLE new_clusters AS
               SELECT rid, min(rid) OVER (PARTITION BY n)::INTEGER AS cluster
               FROM (SELECT unnest($names::VARCHAR[]) AS name, unnest($numbers::INTEGER[]) AS n)
               JOIN records ON name = channel || ':' || source_record_id
               UNION ALL SELECT rid, rid FROM records ANTI JOIN membership USING (rid)
               WHERE channel || ':' || source_record_id NOT IN (SELECT unnest($names::VARCHAR[]))""",
            {"names": [key for key, _ in members], "numbers": [number for _, number in members]},
        )
        self.work.execute("CREATE OR REPLACE TEMP TABLE touched AS SELECT rid FROM new_clusters")
        stale = "(FROM touched UNION SELECT rid FROM membership ANTI JOIN records USING (rid))"
        self.work.execute(f"DELETE FROM merges WHERE l IN {stale} OR r IN {stale}")
        self.work.execute("INSERT INTO merges SELECT cluster, rid, 5, 1 FROM new_clusters WHERE rid <> cluster")
        self.work.execute("CREATE OR REPLACE TEMP TABLE revised AS SELECT rid FROM new_clusters WHERE ?", [revised])
        return identify(self.work, context, ids or IdSource())

    def household(self, keys: str, shares: Iterable[str]) -> None:
        """These records' customers live together and share the same with each other; the last run said so."""
        members = {self.customer_of(key) for key in keys.split()}
        self.work.execute("DELETE FROM households WHERE customer_id IN (SELECT unnest($m))", {"m": sorted(members)})
        self.work.executemany(
            "INSERT INTO households VALUES (?, ?, ?, .75, ?, ?)",
            [["hou_" + min(members), one, list(shares), len(members), run_context(self.seq).now] for one in members],
        )

    def customer_of(self, key: str) -> str:
        """The id of a record's customer."""
        rows = self.work.execute("SELECT customer_id FROM membership WHERE rid = ?", [self.rid(key)]).fetchall()
        return str(rows[0][0])

    def history(self) -> list[tuple[str, str, str | None, bool]]:
        """Lines of history: id, event, other id, still open?"""
        return self.work.execute(
            "SELECT customer_id, event, other_customer_id, valid_to IS NULL FROM id_history ORDER BY run_seq, 1"
        ).fetchall()
