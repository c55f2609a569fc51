"""The audit trail shows who did what, and that nobody changed it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from profile_service.audit import UNSAID, Act, Audit
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.audit_rows import audit_rows_saying

SECRET = b"a secret that only tests know, and they tell"
ROWS = 6


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "ledger.sqlite")
    audit = Audit(opened, SECRET)
    for number in range(ROWS // 2):
        with opened.write() as tx:
            audit.change(
                tx,
                Act("desk", "profile.read", f"cus_{number}", "a call", f"req-{number}", {"fields": ["email"]}),
                Act("dpo", "profile.export", f"cus_{number}"),
            )
    yield opened
    opened.close()


def tampered(ledger: Ledger, path: Path, *statements: str) -> Audit:
    with sqlite3.connect(path / "ledger.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return Audit(ledger, SECRET)


def test_a_chain_that_nobody_touched_holds(ledger: Ledger) -> None:
    audit = Audit(ledger, SECRET)
    verdict = audit.verify()
    assert (verdict.rows, verdict.broken_at, verdict.head) == (ROWS, None, audit.head())
    assert [row.action for row in audit.rows("cus_1")] == ["profile.read", "profile.export"]
    assert [row.seq for row in audit.newest(2)] == [5, 6]
    assert [row.seq for row in audit.newest(1, "cus_0")] == [2]
    assert audit.rows(after=5)[0].purpose is None


def test_a_chain_without_rows_holds(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "empty.sqlite")
    assert Audit(ledger, SECRET).verify().broken_at is None
    ledger.close()


SWAP = """UPDATE audit SET actor = (SELECT actor FROM audit b WHERE b.seq = 7 - audit.seq), action =
    (SELECT action FROM audit b WHERE b.seq = 7 - audit.seq) WHERE seq IN (3, 4)"""
TAMPERED = {
    "the actor changed": (["UPDATE audit SET actor = 'x' WHERE seq = 2"], 2),
    "the purpose changed": (["UPDATE audit SET purpose = 'y' WHERE seq = 3"], 3),
    "the purpose removed": (["UPDATE audit SET purpose = NULL WHERE seq = 3"], 3),
    "two values exchanged": (["UPDATE audit SET purpose = request_id, request_id = purpose WHERE seq = 1"], 1),
    "the time changed": (["UPDATE audit SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 5"], 5),
    "the details changed": (["UPDATE audit SET details = '{}' WHERE seq = 1"], 1),
    "the customer changed": (["UPDATE audit SET customer_id = 'cus_9' WHERE seq = 6"], 6),
    "a row dropped": (["DELETE FROM audit WHERE seq = 3"], 3),
    "a row dropped and the rest moved up": (
        ["DELETE FROM audit WHERE seq = 3", "UPDATE audit SET seq = seq - 1 WHERE seq > 3"],
        3,
    ),
    "the first row dropped": (["DELETE FROM audit WHERE seq = 1"], 1),
    "the last row dropped": (["DELETE FROM audit WHERE seq = 6"], 6),
    "every row dropped": (["DELETE FROM audit"], 1),
    "the seal dropped too": (["DELETE FROM audit WHERE seq > 4", "DELETE FROM meta WHERE name = 'audit_head'"], 4),
    "a row put in": (
        ["INSERT INTO audit SELECT 7, at, actor, action, customer_id, purpose, request_id, details, hash, hash "
         "FROM audit WHERE seq = 6"],
        7,
    ),
    "two rows exchanged": ([SWAP], 3),
    "the hash changed": (["UPDATE audit SET hash = previous_hash WHERE seq = 4"], 4),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "broken_at"), TAMPERED.values(), ids=TAMPERED.keys())
def test_the_first_row_that_is_not_as_written_is_named(
    ledger: Ledger, tmp_path: Path, statements: list[str], broken_at: int
) -> None:
    verdict = tampered(ledger, tmp_path, *statements).verify()
    assert verdict.broken_at == broken_at, verdict.what


HIDDEN = {
    "the last row dropped": ["DELETE FROM audit WHERE seq = 6"],
    "every row dropped": ["DELETE FROM audit"],
    "the seal dropped too": ["DELETE FROM audit WHERE seq > 4", "DELETE FROM meta WHERE name = 'audit_head'"],
    "the last row changed": ["UPDATE audit SET actor = 'x', hash = 'y' WHERE seq = 6"],
}


@pytest.mark.parametrize("statements", HIDDEN.values(), ids=HIDDEN.keys())
def test_writing_on_hides_nothing(ledger: Ledger, tmp_path: Path, statements: list[str]) -> None:
    audit = tampered(ledger, tmp_path, *statements)
    left = len(audit.rows())
    for _ in range(2):
        with ledger.write() as tx:
            audit.change(tx, Act("desk", "profile.read", "cus_1"))
    assert len(audit.rows()) == left + 3, "the break is told once"
    verdict = audit.verify()
    assert verdict.broken_at is not None
    assert verdict.broken_at <= left + 1


def test_a_break_that_was_looked_into_is_accepted_up_to_the_noted_head(ledger: Ledger, tmp_path: Path) -> None:
    audit = tampered(ledger, tmp_path, "DELETE FROM audit WHERE seq = 6")
    with ledger.write() as tx:
        audit.change(tx, Act("desk", "profile.read", "cus_1"))
    assert audit.verify().broken_at == ROWS
    noted = audit.head()
    assert audit.verify(noted).broken_at is None
    tampered(ledger, tmp_path, "UPDATE audit SET actor = 'x' WHERE seq = 2")
    assert audit.verify(noted).broken_at == 2


def test_a_chain_written_anew_by_one_who_has_not_the_secret_is_found(ledger: Ledger, tmp_path: Path) -> None:
    tampered(ledger, tmp_path, "DELETE FROM audit", "DELETE FROM meta WHERE name = 'audit_head'")
    with ledger.write() as tx:
        Audit(ledger, b"a guess of what the secret may have been").change(tx, *[Act("x", "nothing")] * ROWS)
    verdict = Audit(ledger, SECRET).verify()
    assert verdict.broken_at == ROWS
    assert "seal" in verdict.what


def test_a_ledger_put_back_is_found_by_a_head_that_was_noted(ledger: Ledger, tmp_path: Path) -> None:
    older = (tmp_path / "older.sqlite", Audit(ledger, SECRET).head())
    with sqlite3.connect(tmp_path / "ledger.sqlite") as source, sqlite3.connect(older[0]) as target:
        source.backup(target)
    source.close()
    target.close()
    with ledger.write() as tx:
        Audit(ledger, SECRET).change(tx, Act("desk", "profile.read", "cus_1"))
    noted = Audit(ledger, SECRET).head()
    assert Audit(ledger, SECRET).verify(older[1]).broken_at is None
    put_back = Ledger.open(older[0])
    assert Audit(put_back, SECRET).verify().broken_at is None
    assert Audit(put_back, SECRET).verify(noted).broken_at == ROWS + 1
    put_back.close()


def test_an_act_is_kept_with_its_change_or_not_at_all(ledger: Ledger) -> None:
    audit = Audit(ledger, SECRET)
    with pytest.raises(ZeroDivisionError), ledger.write() as tx:
        audit.change(tx, Act("desk", "profile.merge", "cus_1"))
        raise ZeroDivisionError
    assert audit.verify().rows == ROWS


def test_progress_is_told_over_many_pages(ledger: Ledger) -> None:
    audit, told = Audit(ledger, SECRET), []
    with ledger.write() as tx:
        audit.change(tx, *[Act("desk", "profile.read")] * 4500)
    assert audit.verify(progress=told.append).rows == ROWS + 4500
    assert told == [2000, 4000]


@pytest.mark.parametrize("change", ["purpose = 'because'", "actor = 'ben'", "customer_id = 'cus_2'"])
def test_a_purpose_that_was_made_to_say_less_is_accepted_and_nothing_else(
    change: str, ledger: Ledger, tmp_path: Path
) -> None:
    audit = Audit(ledger, SECRET)
    with ledger.write() as tx:
        audit.change(tx, Act("ada", "customer.reveal", "cus_1", "as jane@example.org said"), Act("ada", "x", "cus_2"))
        read = ["2026-11-26T10:00:00Z", "desk", "profile.read", "cus_1", "for jane@example.org", "req-1", {}]
        audit.append_reads(tx, [orjson.dumps(read), orjson.dumps([*read[:4], None, "req-2", {}])])
    with ledger.write() as tx:
        saying = audit_rows_saying(tx.session, ["Jane@example.org", "nobody"])
        assert audit.unsay(tx, saying, lambda said: said.replace("jane@example.org", "[erased]")) == 2
    assert [row.purpose for row in audit.rows("cus_1")][-3:] == ["as [erased] said", "for [erased]", None]
    assert audit.verify().broken_at is None
    row = saying[0]
    assert tampered(ledger, tmp_path, f"UPDATE audit SET {change} WHERE seq = {row.seq}").verify().broken_at == row.seq


@pytest.mark.parametrize("details", ["{", "[]", "{}", '{"rows": 1}', '{"rows": {"x": "y"}}', '{"rows": {"1": null}}'])
def test_a_row_made_to_tell_of_others_that_say_less_is_found_whatever_it_holds(
    details: str, ledger: Ledger, tmp_path: Path
) -> None:
    forged = f"UPDATE audit SET action = '{UNSAID}', details = '{details}' WHERE seq = 3"
    assert tampered(ledger, tmp_path, forged).verify().broken_at == 3
