"""What a run cannot do without: its files read, its tables and index written as they are, nothing checked or found out.

``python -m tests.benchmarks.bench_floor [--records N] [--results FOLDER]``; needs the ``bench`` extra. A whole run and
a later one are made first; then what they left is read and written once more, each in a process of its own, by the same
DuckDB with two threads. Linking comes on top. A run that takes less would have to leave something out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from pipelines.flip import sync
from profile_service.contracts.fields import quoted
from tests.benchmarks import inputs
from tests.benchmarks.commands import Measured, measure, profiles
from tests.benchmarks.results import standard_folder
from tests.benchmarks.tables import Rows, show

_USUAL = "simulated-1m"
_TRIES = 3  # the least of each step counts: what the disk still has to take disturbs the next
Steps = Iterator[tuple[str, Callable[[], object]]]


def whole_run(desk: duckdb.DuckDBPyConnection, landing: Path, data_dir: Path, target: Path) -> Steps:
    """Everything is read and written once."""
    generation = _generations(data_dir)[-1]
    index = {path.name: path.read_bytes() for path in sorted((generation / "arrays").iterdir())}
    yield "read the files", lambda: _read(desk, landing)
    yield (
        "write the work store",
        lambda: _write_all(desk, data_dir / "work" / "pipeline.duckdb", target / "work.duckdb"),
    )
    yield "write the warehouse", lambda: _write_all(desk, generation / "customers.duckdb", target / "customers.duckdb")
    yield "write the index", lambda: _write_files(index, target)
    yield "wait for the disk", lambda: _sync(target)


def later_run(desk: duckdb.DuckDBPyConnection, landing: Path, data_dir: Path, target: Path) -> Steps:
    """What changed is read, and written into copies; the work store is not touched."""
    before, after = _generations(data_dir)[-2:]
    mine = [path for path in sorted((after / "arrays").iterdir()) if path.stat().st_nlink == 1]
    index = {path.name: path.read_bytes() for path in mine}
    yield "read the files", lambda: _read(desk, landing)
    copy = target / "customers.duckdb"
    yield "copy the warehouse", lambda: shutil.copyfile(before / "customers.duckdb", copy)
    yield "write changed customers into it", lambda: _write_changed(desk, after / "customers.duckdb", copy)
    yield "write the index", lambda: _write_files(index, target)
    yield "wait for the disk", lambda: _sync(target)


def _generations(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "generations").glob("run_*"))


def _read(desk: duckdb.DuckDBPyConnection, landing: Path) -> None:
    for number, path in enumerate(sorted(landing.glob("*/*"))):
        read = "read_csv($path, all_varchar = true)" if ".csv" in path.name else "read_json($path)"
        desk.execute(f"CREATE TABLE file_{number} AS FROM {read}", {"path": str(path)})


def _write_all(desk: duckdb.DuckDBPyConnection, source: Path, target: Path) -> None:
    _attach(desk, source, "there", "READ_ONLY")
    _attach(desk, target, "here", "RECOVERY_MODE no_wal_writes, STORAGE_VERSION 'v1.5.0'")
    # trying how to pack each column takes longer than to write it
    desk.execute("SET force_compression = 'uncompressed'")
    for table in _tables(desk):
        desk.execute(f"CREATE TABLE here.{table} AS FROM there.{table}")
    desk.execute("CHECKPOINT here")
    _detach(desk)


def _write_changed(desk: duckdb.DuckDBPyConnection, source: Path, target: Path) -> None:
    _attach(desk, source, "there", "READ_ONLY")
    _attach(desk, target, "here", "RECOVERY_MODE no_wal_writes")
    desk.execute("SET max_vacuum_tasks = 0")
    desk.execute(
        """CREATE TEMP TABLE changed AS SELECT customer_id FROM there.customers
        WHERE run_id = (SELECT max(run_id) FROM there.customers)"""
    )
    for table in _tables(desk):
        columns = {row[0] for row in desk.execute(f"DESCRIBE there.{table}").fetchall()}
        if "customer_id" in columns:
            desk.execute(f"DELETE FROM here.{table} WHERE customer_id IN (FROM changed)")
            desk.execute(f"INSERT INTO here.{table} FROM there.{table} WHERE customer_id IN (FROM changed)")
    desk.execute("CHECKPOINT here")
    _detach(desk)


def _attach(desk: duckdb.DuckDBPyConnection, path: Path, name: str, how: str) -> None:
    desk.execute(f"ATTACH {quoted(str(path))} AS {name} ({how})")


def _detach(desk: duckdb.DuckDBPyConnection) -> None:
    desk.execute("DETACH here")
    desk.execute("DETACH there")


def _tables(desk: duckdb.DuckDBPyConnection) -> list[str]:
    rows = desk.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'there'").fetchall()
    return sorted(name for (name,) in rows)


def _write_files(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        sync(path)


def _measured(steps: Callable[..., Steps], landing: Path, data_dir: Path, target: Path) -> dict[str, list[float]]:
    """Step = its seconds and processor seconds."""
    taken = {}
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as desk:
        for name, step in steps(desk, landing, data_dir, target):
            begun, processor = time.perf_counter(), time.process_time()
            step()
            taken[name] = [time.perf_counter() - begun, time.process_time() - processor]
    return taken


def _show(title: str, run: Measured, floor: dict[str, list[float]], records: str) -> None:
    rows: Rows = [(name, f"{seconds:.1f} s", f"{processor:.1f}") for name, (seconds, processor) in floor.items()]
    sums = [sum(each) for each in zip(*floor.values(), strict=True)]
    rows.append(("all of it", f"{sums[0]:.1f} s", f"{sums[1]:.1f}"))
    rows.append(("the run", f"{run.answer['seconds']:.1f} s", f"{run.processor_seconds:.1f}"))
    show(f"{title}, {records}", "processor seconds", rows)


def main() -> None:
    """Make the runs, then measure and print the least they could do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, help="size of the invented retailer, a million else")
    parser.add_argument("--results", type=Path, default=standard_folder(), help="folder in which inputs are kept")
    parser.add_argument("--steps", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.steps:
        which, *paths = asked.steps
        landing, data_dir, target = map(Path, paths)
        print(json.dumps(_measured({"whole": whole_run, "later": later_run}[which], landing, data_dir, target)))
        return
    made = asked.results / "inputs"
    made.mkdir(parents=True, exist_ok=True)
    given = inputs.of_size(asked.records, made) if asked.records else inputs.prepare(_USUAL, made)
    assert given.later is not None
    with tempfile.TemporaryDirectory(dir=asked.results) as folder:
        data_dir = Path(folder) / "data"
        for which, landing in (("whole", given.landing), ("later", given.later)):
            run = profiles("run", landing, data_dir=data_dir)
            target = Path(folder) / which
            tries = []
            for _ in range(_TRIES):
                target.mkdir()
                steps = ("tests.benchmarks.bench_floor", "--steps", which, landing, data_dir, target)
                tries.append(measure(sys.executable, "-m", *steps).answer)
                shutil.rmtree(target)
            least = {step: min(each[step] for each in tries) for step in tries[0]}
            _show(f"a {which} run", run, least, given.name)


if __name__ == "__main__":
    main()
