"""A served erasure: at once gone from every answer, and gone from the files without anybody asking again."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import duckdb
import httpx

from tests.end_to_end.served import new_key, served
from tests.end_to_end.worlds import profiles

_LONGEST = 60.0


def completed(client: httpx.Client, customer_id: str) -> dict[str, object]:
    """The erasure once it is complete."""
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        told: dict[str, object] = client.get(f"/v1/profiles/{customer_id}/erasure").json()
        if told["state"] == "complete":
            return told
        time.sleep(0.2)
    raise AssertionError("the erasure was not completed")


def test_an_erasure_through_the_service_is_completed_while_it_serves(published: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(published, data_dir, symlinks=True)
    key = new_key(data_dir, "dpo", "privacy", "profiles:read")
    with duckdb.connect(str(data_dir / "customers.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute(
            """SELECT customer_id, email FROM customers WHERE record_count > 2 AND email IN (SELECT value
            FROM customer_identifiers WHERE identifier_type = 'email' AND held_by = 1) ORDER BY 1 LIMIT 2"""
        )
        (customer_id, email), (other, _) = rows.fetchall()
    with served(data_dir, tmp_path / "log") as server, server.client(key) as client:
        once = {"Purpose": f"article 17, letter of {email}", "Idempotency-Key": "forget"}
        assert client.get(f"/v1/profiles/{other}", headers={"Purpose": f"asked by {email}"}).status_code == 200
        assert client.delete(f"/v1/profiles/{customer_id}", headers=once).status_code == 202
        assert client.get(f"/v1/profiles/{customer_id}").status_code == 410
        failed = []
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            # other customers are answered all the while
            if client.get(f"/v1/profiles/{other}").status_code != 200:
                failed.append(other)
            if client.get(f"/v1/profiles/{customer_id}").status_code != 410:
                failed.append(customer_id)
            if client.get(f"/v1/profiles/{customer_id}/erasure").json()["state"] == "complete":
                break
        told = completed(client, customer_id)
        assert failed == []
        # the journals of the workers that live on are among them
        naming = [path.name for path in data_dir.rglob("*") if path.is_file() and email.encode() in path.read_bytes()]
        assert naming == []
        # asked again, it is answered as it was the first time
        assert client.delete(f"/v1/profiles/{customer_id}", headers=once).json()["state"] == "invisible"
        assert told["receipt"]["residue"] == 0  # type: ignore[index]
        assert server.stop() == 0
    assert len(list((data_dir / "generations").iterdir())) == 1
    assert "none changed" in profiles("audit", "verify", data_dir=data_dir).out
