"""Small invented worlds, split into batches, and the command line to run them with."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from tests.command_line import Ended, profiles_command

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"
PROFILES = str(Path(sys.executable).with_name("profiles"))

Row = Mapping[str, str]
Feeds = dict[tuple[str, str], list[Row]]  # (channel, customers | events) = rows


def profiles(*arguments: str | Path, data_dir: Path, cwd: Path = ROOT) -> Ended:
    """Run the command in a process of its own, with ``data_dir`` by environment."""
    return profiles_command(list(map(str, arguments)), environment(data_dir), cwd)


def environment(data_dir: Path) -> dict[str, str]:
    return {**os.environ, "PROFILES_DATA_DIR": str(data_dir), "COLUMNS": "100"}


def run(landing: Path, data_dir: Path, *options: str) -> Any:
    """A run that must end well; answers its JSON summary."""
    ended = profiles("run", landing, "--json", *options, data_dir=data_dir)
    assert ended.status == 0, ended.err
    return ended.json()


def read_feeds(landing: Path) -> Feeds:
    """Every row of every feed in a landing folder of CSV and JSON lines, gzipped or not."""
    feeds: Feeds = {}
    for path in sorted(landing.glob("*/*")):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", newline="") as lines:
            rows = list(map(json.loads, lines)) if ".jsonl" in path.name else list(csv.DictReader(lines))
        feeds.setdefault((path.parent.name, path.name.split(".")[0]), []).extend(rows)
    return feeds


def write_feeds(landing: Path, feeds: Feeds) -> Path:
    """Write the rows as CSV, one file a feed."""
    for (channel, kind), rows in feeds.items():
        if rows:
            path = landing / channel / f"{kind}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            names = list(dict.fromkeys(name for row in rows for name in row))
            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, names, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    return landing


def batches(feeds: Feeds, parts: Sequence[int]) -> list[Feeds]:
    """The rows dealt out: the i-th row of the world, counted through all feeds, goes to batch ``parts[i % n]``."""
    dealt: list[Feeds] = [{} for _ in range(max(parts) + 1)]
    number = 0
    for feed, rows in sorted(feeds.items()):
        for row in rows:
            dealt[parts[number % len(parts)]].setdefault(feed, []).append(row)
            number += 1
    return [batch for batch in dealt if batch]


def published(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """The standing warehouse, as an analyst opens it."""
    return duckdb.connect(str((data_dir / "customers.duckdb").resolve()), read_only=True)


def customers(data_dir: Path) -> frozenset[frozenset[str]]:
    """The customers as sets of record keys, whatever their ids."""
    with published(data_dir) as warehouse:
        rows = warehouse.execute(
            "SELECT list(channel || ':' || source_record_id) FROM customer_records GROUP BY customer_id"
        ).fetchall()
    return frozenset(frozenset(keys) for (keys,) in rows)


def households(data_dir: Path) -> frozenset[frozenset[tuple[str, ...]]]:
    """The households as sets of members, each as its first record's key and what it shares, whatever their ids."""
    with published(data_dir) as warehouse:
        rows = warehouse.execute(
            """SELECT list((key, list_sort(shares)::VARCHAR, probability::VARCHAR)) FROM customer_households JOIN (
                SELECT customer_id, min(channel || ':' || source_record_id) AS key FROM customer_records
                GROUP BY customer_id) USING (customer_id) GROUP BY household_id"""
        ).fetchall()
    return frozenset(frozenset(members) for (members,) in rows)


def ids(data_dir: Path) -> dict[str, str]:
    """Record key = customer id."""
    with published(data_dir) as warehouse:
        rows = warehouse.execute("SELECT channel || ':' || source_record_id, customer_id FROM customer_records")
        return dict(rows.fetchall())


def golden(data_dir: Path) -> list[tuple[Any, ...]]:
    """Every merged profile without what a run gives it: id, run and since when."""
    with published(data_dir) as warehouse:
        rows = warehouse.execute(
            """SELECT (SELECT min(channel || ':' || source_record_id) FROM customer_records r
                       WHERE r.customer_id = c.customer_id) AS first_record, c.*
                   EXCLUDE (customer_id, run_id, customer_since) FROM customers c ORDER BY first_record"""
        ).fetchall()
    return [tuple(map(str, row)) for row in rows]


def copy_models(source: Path, target: Path) -> Path:
    """Give a new data directory the models of another."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source / "models", target / "models", dirs_exist_ok=True)
    return target


def keys(feeds: Feeds) -> Iterable[str]:
    """The record keys in some feeds."""
    for (channel, kind), rows in feeds.items():
        if kind == "customers":
            yield from (f"{channel}:{row['source_record_id']}" for row in rows)
