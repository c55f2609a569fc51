"""A work store of records for the linkage alone: resolved by a trained model, its customers read as a partition."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.fold_rulings import fold_rulings
from pipelines.ingest import ingest
from pipelines.progress import SilentProgress
from pipelines.resolve import Resolution, resolve
from pipelines.run_context import RunContext
from pipelines.work import RECORD_FIELDS, TABLES
from profile_service.contracts.channels import load_channels
from profile_service.identity.model import Model, declared_model, packaged_model
from profile_service.identity.records import STANDARD_COLUMNS, RawRecord, StandardisedRecord
from profile_service.store.ledger import NOTHING, Entry

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
Partition = set[frozenset[str]]


@dataclass(frozen=True)
class Learned:
    """What the sample taught: the trained model, the folder it stands in, and the records it came from."""

    model: Model
    models: Path
    records: list[RawRecord]

    def __repr__(self) -> str:
        """Short: hypothesis prints what a test is given."""
        return f"Learned({self.model.version})"


def raw(key: str = "store:1", **fields: str | None) -> RawRecord:
    """A record as sent, by the name a person types."""
    channel, _, source_record_id = key.partition(":")
    return RawRecord(channel, source_record_id, fields)


def standard(model: Model | None = None, **values: str | None) -> StandardisedRecord:
    """A record whose standard values are given, all others missing; every binned value is in the rarest bin."""
    columns = (model or packaged_model()).binned
    return StandardisedRecord("store", "1", dict.fromkeys(STANDARD_COLUMNS) | values, dict.fromkeys(columns, 5))


def of_few_strangers(random_pairs: int) -> Model:
    """The packaged model, told to learn from so few random pairs: Python compares ten thousand a second."""
    told = f"\nrandom_pairs = {packaged_model().settings['mixture']['random_pairs']} "
    assert told in packaged_model().text
    return declared_model(packaged_model().text.replace(told, f"\nrandom_pairs = {random_pairs} "))


def run_context(seq: int = 1) -> RunContext:
    """The run of that number, told to nobody."""
    return RunContext(seq, f"run_{seq:04d}", datetime(2026, 1, 1, tzinfo=UTC), SilentProgress())


class LinkageWorld:
    """A work store in memory and the folder of its models; records are named ``channel:id``."""

    def __init__(self, models: Path, *, duplicate_free: Collection[str] = ()) -> None:
        self.models = models
        self.duplicate_free = dict.fromkeys(duplicate_free, True)
        self.seq = 0
        self.ruled = 0
        self.work: duckdb.DuckDBPyConnection = duckdb.connect()
        self.work.execute("SET TimeZone = 'UTC'")
        self.work.execute("SET threads = 2")
        for name, columns in TABLES.items():
            self.work.execute(f"CREATE TABLE {name} ({columns})")
        self.work.execute("CREATE TABLE duplicate_free (channel VARCHAR, number UTINYINT)")
        self.work.execute("CREATE TABLE member (rid INTEGER, cluster INTEGER)")
        self._changed()

    def __enter__(self) -> LinkageWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.work.close()

    def _changed(self) -> None:
        self.work.execute("CREATE OR REPLACE TEMP TABLE changed_records (rid INTEGER)")

    def put(self, records: Iterable[RawRecord]) -> None:
        """New records, and new versions of known ones, in this order."""
        rows = {record.key: record for record in records}
        table: dict[str, Any] = {
            "channel": [record.channel for record in rows.values()],
            "source_record_id": [record.source_record_id for record in rows.values()],
        }
        for name in RECORD_FIELDS:
            table[name] = [record.value(name) for record in rows.values()]
        columns = ", ".join(f"unnest(${name}::VARCHAR[]) AS {name}" for name in table)
        self.work.execute(
            f"""CREATE TEMP TABLE sent AS SELECT s.*, k.rid AS known, row_number() OVER () AS place
            FROM (SELECT {columns}) s LEFT JOIN records k USING (channel, source_record_id)""",
            table,
        )
        self.work.execute(
            """CREATE TEMP TABLE given AS SELECT * EXCLUDE (known, place),
            coalesce(known, (SELECT coalesce(max(rid), 0) FROM records)
                + row_number() OVER (PARTITION BY known IS NULL ORDER BY place))::INTEGER AS rid FROM sent"""
        )
        self.work.execute("DELETE FROM records WHERE rid IN (SELECT rid FROM given)")
        self.work.execute("INSERT INTO records BY NAME SELECT * FROM given")
        self.work.execute("INSERT INTO changed_records SELECT rid FROM given")
        self.work.execute("DROP TABLE sent")
        self.work.execute("DROP TABLE given")

    def ingest(self, landing: Path) -> None:
        """The records of a landing folder."""
        self.work.execute("DROP TABLE changed_records")
        ingest(self.work, landing, load_channels(), run_context())

    def judge(self, left: str, right: str, verdict: str) -> None:
        """What a steward decided of two records."""
        names = (*left.split(":"), *right.split(":"))
        self.work.execute(
            "INSERT INTO constraints BY NAME SELECT ? AS left_channel, ? AS left_id, ? AS right_channel, "
            "? AS right_id, ? AS verdict",
            [*names, verdict],
        )

    def rule(self, field: str, value: str, verdict: str) -> None:
        """What a steward ruled on a value in its standard form."""
        self.ruled += 1
        payload = {"field": field, "value": value, "verdict": verdict}
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        fold_rulings(self.work, [Entry(self.ruled, "ruling", moment, "ada", NOTHING, payload, "as she knows")])

    def resolve(self, *, rebuild: bool = False) -> Resolution:
        """One run's linkage of what changed since the last; ``customers`` tells its answer."""
        self.seq += 1
        done = resolve(
            self.work, self.models, run_context(self.seq), rebuild=rebuild, duplicate_free=self.duplicate_free
        )
        self.work.execute("DELETE FROM member WHERE rid IN (SELECT rid FROM touched)")
        self.work.execute("INSERT INTO member SELECT rid, cluster FROM new_clusters")
        self._changed()
        return done

    def customers(self) -> Partition:
        """The records of each customer."""
        rows = self.all(
            "SELECT list(channel || ':' || source_record_id) FROM member JOIN records USING (rid) GROUP BY cluster"
        )
        return {frozenset(names) for (names,) in rows}

    def together(self, *keys: str) -> bool:
        """Whether these records are of one customer."""
        return any(set(keys) <= customer for customer in self.customers())

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """Every row of a query on the work store."""
        return self.work.execute(query).fetchall()


def standardised_table(work: duckdb.DuckDBPyConnection, model: Model, rows: Sequence[StandardisedRecord]) -> None:
    """Make ``standardised`` of these records, numbered from 0."""
    binned = model.binned
    table: dict[str, Any] = {column: [row[column] for row in rows] for column in STANDARD_COLUMNS}
    columns = [f"unnest(${column}::VARCHAR[]) AS {column}" for column in STANDARD_COLUMNS]
    for column in binned:
        table[f"{column}_bin"] = [row.bins[column] for row in rows]
        columns.append(f"unnest(${column}_bin::UTINYINT[]) AS {column}_bin")
    table["rid"] = list(range(len(rows)))
    work.execute(
        f"""CREATE OR REPLACE TABLE standardised AS
        SELECT *, NULL::UTINYINT AS apart FROM (SELECT unnest($rid::INTEGER[]) AS rid, {", ".join(columns)})""",
        table,
    )


def without(model: Model, name: str) -> Model:
    """A trained model in which one comparison was never declared."""
    assert model.trained is not None
    place = [comparison.name for comparison in model.comparisons].index(name)

    def less(parts: tuple[Any, ...]) -> tuple[Any, ...]:
        return parts[:place] + parts[place + 1 :]

    mixture = model.trained.mixture
    mixture = replace(mixture, parts=less(mixture.parts), probability=less(mixture.probability))
    return replace(model, comparisons=less(model.comparisons), trained=replace(model.trained, mixture=mixture))


def sent_records(world: LinkageWorld) -> list[RawRecord]:
    """Every record of a world as it was sent."""
    rows = world.all(f"SELECT channel, source_record_id, {', '.join(RECORD_FIELDS)} FROM records ORDER BY rid")
    return [RawRecord(row[0], row[1], dict(zip(RECORD_FIELDS, row[2:], strict=True))) for row in rows]
