"""Callers that write and read a real server as fast as it answers, and remember what was acknowledged."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from profile_service.audit import Audit
from profile_service.settings import LEDGER_FILE, Settings
from profile_service.store.ledger import Ledger
from tests.end_to_end.served import Server

_LETTERS = "bcdfghjklmnpqrstvwxz"


@dataclass
class Callers:
    """What they did: acknowledged records (name = answer), events and consents, and every answer that was no success.

    ``lost``: requests that the end of the server cut off; whether they were done, nobody knows.
    """

    key: str
    readers: Sequence[str] = ()
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    consents: set[str] = field(default_factory=set)
    reads: int = 0
    failed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def check_answers(self, client: httpx.Client) -> None:
        """Every acknowledged record is answered by name and by the id it was given, with what was said of it, once."""
        for name, taken in self.records.items():
            profile = client.get(f"/v1/profiles/by/record/web:{name}").json()
            assert profile["email"] == invented(name)["email"], name
            given = client.get(f"/v1/profiles/{taken['customer_id']}", follow_redirects=True).json()
            assert given["customer_id"] == profile["customer_id"], name
            assert profile["record_count"] == 1, name
            if f"{name}-0" in self.events:
                assert profile["event_count"] == 2, name
            if name in self.consents:
                assert [each["consent"] for each in profile["consents"]] == ["yes"], name

    def check_ledger(self, data_dir: Path) -> None:
        """Every acknowledged write is one entry of the log and one row of the audit trail, which nobody broke."""
        ledger = Ledger.open(data_dir / LEDGER_FILE)
        entries = ledger.log().entries_after(0, 1_000_000)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        records = Counter(entry.about.source_record_id for entry in entries if entry.kind == "record")
        events = Counter((entry.payload or {})["event_id"] for entry in entries if entry.kind == "event")
        assert {records[name] for name in self.records} | {events[name] for name in self.events} == {1}
        audit = Audit(ledger, Settings(data_dir=data_dir).server_secret())
        written = Counter(row.customer_id for row in audit.rows(limit=1_000_000) if row.action == "record.write")
        assert written.total() == records.total()
        assert {written[taken["customer_id"]] for taken in self.records.values()} == {1}
        assert audit.verify().broken_at is None
        ledger.close()
        with closing(sqlite3.connect(data_dir / LEDGER_FILE)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def send(self, client: httpx.Client, method: str, path: str, body: Any = None) -> dict[str, Any] | None:
        """One request; what it was answered, None when it was not acknowledged."""
        try:
            answer = client.request(method, path, json=body, follow_redirects=True)
        except httpx.TransportError as error:
            self.lost.append(repr(error))
            return None
        if not answer.is_success:
            self.failed.append(f"{method} {path}: {answer.status_code} {answer.text}")
            return None
        told: dict[str, Any] = answer.json()
        return told

    def write(self, client: httpx.Client, caller: int) -> Iterator[None]:
        """New people, one after the other: a record, two events of it, a consent; each record is read at once."""
        for number in range(1_000_000):
            name = f"caller-{caller}-{number}"
            record = invented(name)
            taken = self.send(client, "POST", "/v1/records", record)
            yield
            if taken is None:
                continue
            self.records[name] = taken
            found = self.send(client, "GET", f"/v1/profiles/by/record/web:{name}")
            if found is not None and found["customer_id"] != taken["customer_id"]:
                self.failed.append(f"{name} was {taken['customer_id']} and is {found['customer_id']}")
            events = [{"channel": "web", "event_id": f"{name}-{n}", "source_record_id": name} for n in range(2)]
            if self.send(client, "POST", "/v1/events", {"events": events}) is not None:
                self.events |= {event["event_id"] for event in events}
            said = {"channel": "web", "purpose": "marketing", "consent": "yes"}
            if self.send(client, "PUT", f"/v1/profiles/{taken['customer_id']}/consents", said) is not None:
                self.consents.add(name)
            yield

    def read(self, client: httpx.Client, caller: int) -> Iterator[None]:
        """The profiles named beforehand, round and round."""
        while True:
            for customer_id in (*self.readers[caller:], *self.readers[:caller]):
                for path in ("", "/timeline"):
                    self.send(client, "GET", f"/v1/profiles/{customer_id}{path}")
                    self.reads += 1
                    yield


def invented(name: str) -> dict[str, str]:
    """A person like nobody else."""
    letters = "".join(Random(name).choices(_LETTERS, k=10)).capitalize()
    return {
        "channel": "web",
        "source_record_id": name,
        "given_name": "Odilo",
        "family_name": letters,
        "email": f"{letters.lower()}@example.net",
    }


@contextmanager
def calling(server: Server, callers: Callers, *, writers: int = 3, readers: int = 0) -> Iterator[None]:
    """Have so many of them call ``server`` until the block is left."""

    def work(how: Callable[[httpx.Client, int], Iterator[None]], caller: int) -> None:
        with server.client(callers.key) as client:
            for _ in how(client, caller):
                if callers.stopping.is_set():
                    return

    kinds = [(callers.write, caller) for caller in range(writers)] + [(callers.read, one) for one in range(readers)]
    threads = [threading.Thread(target=work, args=kind) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        callers.stopping.set()
        for thread in threads:
            thread.join()


def settled(client: httpx.Client, run_id: str, customer_id: str) -> None:
    """Wait until the service answers from that generation."""
    until = time.monotonic() + 60
    while client.get(f"/v1/profiles/{customer_id}").json().get("snapshot_id") != run_id:
        assert time.monotonic() < until, f"{run_id} is not followed"
        time.sleep(0.1)
