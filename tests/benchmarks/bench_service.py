"""The service under load, beside a bare Flask ``hello`` on the same server, over a generation of a million customers.

``python -m tests.benchmarks.bench_service [--records N] [--data-dir DIR]``; needs wrk (Debian has it). Servers run in
processes of their own, and so does the load. With ``--data-dir`` a generation that stands there is used as it is.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipelines.simulate import SimulationOptions, simulate
from profile_service.store.generation import open_standing
from tests.benchmarks.commands import ENVIRONMENT, PROFILES, ROOT, profiles
from tests.benchmarks.load import Paced, Request, Throughput, paced, throughput
from tests.benchmarks.tables import Rows, show

RECORDS = 2_350_000  # about a million customers
ASKED = 100_000  # more than are asked for in a measurement: each look-up is of somebody new
COME_BACK = 4_000
NEW = 2_000
STEADY = 500.0  # requests a second


@contextmanager
def server(command: list[str], port: int, path: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that answers on ``path``, ended when the block ends."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=log, stderr=log)
        try:
            _await(port, path, child)
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(timeout=30)


def _await(port: int, path: str, child: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if child.poll() is not None:
            raise RuntimeError(f"the server ended with {child.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing answers on port {port}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def prepare(records: int, folder: Path, data_dir: Path) -> tuple[Path, list[dict[str, str]]]:
    """Make the generation unless one stands; answers a second landing and records of strangers and known people."""
    new = folder / "new"
    simulate(new, SimulationOptions(records=NEW, seed=77))
    _with_ids_of_their_own(new)
    if not (data_dir / "customers.duckdb").exists():
        simulate(folder / "landing", SimulationOptions(records=records, seed=3))
        profiles("run", folder / "landing", "--accept", data_dir=data_dir)
    with open_standing(data_dir) as warehouse:
        known = warehouse.execute(f"""
            SELECT given_name, family_name, email, phone, birth_date, street, city, postcode, country
            FROM customer_records WHERE channel = 'web' AND hash(source_record_id) % 50 = 0 LIMIT {NEW}""")
        names = [column[0] for column in known.description]
        rows = [{name: value for name, value in zip(names, row, strict=True) if value} for row in known.fetchall()]
    return new, rows


def _with_ids_of_their_own(landing: Path) -> None:
    """Put a letter before every id: the simulator counts from one, and would replace the records of the first landing.

    Whoever had such a record was, rightly, found by its identifiers no more: so may have been the one look-up of 3,000
    that answered 404.
    """
    for path in sorted(path for path in landing.glob("*/*.*") if path.is_file()):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            text = re.sub(r"\b([A-Z]\d{8})\b", r"N\1", file.read())
        with opened(path, "wt", encoding="utf-8", newline="") as file:
            file.write(text)


def identifiers(data_dir: Path) -> list[str]:
    """Paths of look-ups by e-mail, phone, loyalty card and cookie, in no order.

    Not by a phone number without its country: read with one, it may be somebody else's, too, and 409 is what is right.
    """
    with open_standing(data_dir) as warehouse:
        rows = warehouse.execute(f"""
            SELECT identifier_type, value FROM customer_identifiers
            WHERE NOT shared AND (identifier_type <> 'phone' OR starts_with(value, '+'))
            USING SAMPLE reservoir({ASKED} ROWS) REPEATABLE (7)""").fetchall()
    paths = [f"/v1/profiles/by/{kind}/{quote(value, safe='')}" for kind, value in rows]
    random.Random(7).shuffle(paths)
    return paths


def memory_of(child: subprocess.Popen[bytes]) -> list[tuple[float, float]]:
    """(private, shared) resident MB of the server's processes, largest first; shared: pages of mapped files.

    These are the system's own cache of the generation, the same for all workers, and given back when memory is short.
    """
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _descends(int(folder.name), child.pid):
            lines = (folder / "smaps_rollup").read_text().splitlines()[1:]
            size = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
            private = size["Private_Dirty"]
            found.append((private, size["Rss"] - private))
    return sorted(found, reverse=True)


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def created_key(data_dir: Path, name: str, *options: str) -> str:
    """A key of the service's own command."""
    made = subprocess.run(
        [PROFILES, "keys", "create", name, *options, "--data-dir", data_dir],
        capture_output=True, text=True, check=True, env=ENVIRONMENT,
    )  # fmt: skip
    return made.stdout.strip().splitlines()[-1]


def milliseconds(seen: Paced) -> str:
    """Quantiles for people, and what failed."""
    quantiles = ", ".join(f"p{share * 100:g} {seen.quantile(share) * 1000:.1f} ms" for share in (0.5, 0.95, 0.99))
    return (
        f"{quantiles}; {len(seen.seconds):,} requests, {sum(seen.failed.values())} failed "
        f"{seen.failed or ''} {' '.join(seen.examples[:3])}".strip()
    )


def bench(records: int, data_dir: Path, folder: Path) -> Rows:
    """Every figure, one after the other."""
    later, known = prepare(records, folder, data_dir)
    paths = identifiers(data_dir)
    listed, bare = folder / "paths", folder / "bare"
    listed.write_text("\n".join(paths) + "\n", encoding="utf-8")
    returning = folder / "returning"
    returning.write_text("\n".join(paths[:COME_BACK]) + "\n", encoding="utf-8")
    bare.write_text("/\n", encoding="utf-8")
    reader = created_key(
        data_dir, "bench-reader", "--scope", "profiles:read", "--scope", "profiles:search", "--rate-limit", "10000000"
    )
    writer = created_key(
        data_dir,
        "bench-writer",
        "--scope",
        "records:write",
        "--channel",
        "web",
        "--trusted",
        "--rate-limit",
        "10000000",
    )
    port = free_port()
    granian = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--workers", "2"]
    hello_command = [*granian, "--blocking-threads", "4", "--port", str(port), "tests.benchmarks.bare_hello:app"]
    with server(hello_command, port, "/"):
        hello = throughput(port, bare, "none")
    ours = [PROFILES, "serve", "--port", str(port), "--workers", "2", "--data-dir", str(data_dir)]
    with server(ours, port, "/readyz") as child:
        time.sleep(15)  # the generation's files are being read meanwhile
        looked_up = throughput(port, listed, reader)
        throughput(port, returning, reader, seconds=3)
        came_back = throughput(port, returning, reader)
        steady = paced(port, reader, [Request("GET", path) for path in paths], STEADY, lambda past: past > 20)
        searched = paced(port, reader, searches(known), 20.0, lambda past: past > 15)
        resolved = paced(port, writer, live_records(known), 20.0, lambda past: past > 20)
        memory = memory_of(child)
        published, seconds = while_publishing(port, reader, paths, later, data_dir)
    return [
        ("bare hello, requests/s", f"{hello.per_second:,.0f}", ""),
        ("look-ups, each of somebody new, requests/s", _beside(looked_up, hello), ".5"),
        (f"look-ups of the same {COME_BACK:,} again", _beside(came_back, hello), ".5"),
        (f"look-ups at {STEADY:.0f}/s", milliseconds(steady), "p99 25 ms"),
        ("agents' searches at 20/s", milliseconds(searched), "p95 150 ms"),
        ("live records at 20/s", milliseconds(resolved), "p95 10 ms"),
        (f"look-ups while a run works and publishes ({seconds:.0f} s)", milliseconds(published), "0 failed"),
        ("memory, MB by process: own + mapped", ", ".join(f"{own:.0f} + {cache:.0f}" for own, cache in memory), ""),
    ]


def _beside(ours: Throughput, hello: Throughput) -> str:
    return f"{ours.per_second:,.0f}, {ours.per_second / hello.per_second:.2f} of hello; {ours.failed} failed"


def searches(known: list[dict[str, str]]) -> list[Request]:
    """What agents type: two names, a misspelt one, the last digits of a phone with a name, a piece of an e-mail."""
    said = []
    for person in known:
        given, family = person.get("given_name", ""), person.get("family_name", "")
        said += [f"{given} {family}", f"{family} {given[:3]}", f"{given} {family[:-2] + family[-1:]}"]
        said.append(f"{person.get('phone', '')[-4:]} {family}")
        said.append(person.get("email", "").partition("@")[0][2:])
        said.append(f"{family} {person.get('postcode', '')}")
    texts = [text for text in said if len(text.strip()) > 3]
    return [Request("POST", "/v1/profiles/search", json.dumps({"query": text}).encode()) for text in texts]


def live_records(known: list[dict[str, str]]) -> list[Request]:
    """Records of people who are there, each with a letter less in the street, under new ids."""
    requests = []
    for number, person in enumerate(known):
        record: dict[str, Any] = {**person, "street": person.get("street", "")[:-1]}
        if "birth_date" in record:
            record["birth_date"] = str(record["birth_date"])
        body = {"channel": "web", "source_record_id": f"bench-{number}", **record}
        requests.append(Request("POST", "/v1/records", json.dumps(body).encode(), (200, 201)))
    return requests


def while_publishing(port: int, key: str, paths: list[str], later: Path, data_dir: Path) -> tuple[Paced, float]:
    """Look-ups at a steady rate from before a run begins until after the service serves its generation."""
    ended = threading.Event()
    took = []

    def run() -> None:
        begun = time.perf_counter()
        try:
            profiles("run", later, "--accept", data_dir=data_dir)
        finally:
            took.append(time.perf_counter() - begun)
            time.sleep(5)
            ended.set()

    runner = threading.Thread(target=run)
    runner.start()
    seen = paced(
        port, key, [Request("GET", path, None, (200, 308, 409)) for path in paths], 100.0, lambda _: ended.is_set()
    )
    runner.join()
    return seen, took[0]


def main() -> None:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=RECORDS, help="how many the invented retailer has")
    parser.add_argument("--data-dir", type=Path, help="use, or make, the generation there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = bench(asked.records, asked.data_dir or Path(folder) / "data", Path(folder))
    show(f"the service over {asked.records:,} records", "asked", rows)


if __name__ == "__main__":
    main()
