"""The commands about keys and the audit trail: what they print, and how they end."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path

import click
import pytest

from pipelines.cli import main
from pipelines.cli_service import audit_group, keys_group
from profile_service.keys import Keys
from profile_service.settings import Settings
from profile_service.store.ledger import Ledger
from profile_service.store.ledger.times import now_utc


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROFILES_DATA_DIR", str(tmp_path / "data"))


def typed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, list[str], str]:
    """Exit status, lines of standard output, and standard error."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return ended.value.code, said.out.splitlines(), said.err


def test_a_key_stands_alone_on_the_last_line_and_opens_what_it_was_made_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    created = typed(capsys, "keys", "create", "desk", "--scope", "profiles:read", "--scope", "profiles:search")
    assert created[0] == 0
    settings = Settings(data_dir=tmp_path / "data")
    ledger = Ledger.open(settings.ledger)
    key = Keys(ledger, settings.server_secret()).verify(created[1][-1], now_utc())
    assert (key.name, key.scopes, key.trusted) == ("desk", ("profiles:read", "profiles:search"), False)
    ledger.close()


def test_options_of_a_key_reach_it(capsys: pytest.CaptureFixture[str]) -> None:
    typed(
        capsys, "keys", "create", "shop", "--scope", "records:write", "--trusted", "--channel", "web", "--audience",
        "page", "--mask", "email", "--rate-limit", "9", "--expires", "2999-01-01",
    )  # fmt: skip
    (table,) = json.loads("".join(typed(capsys, "keys", "list", "--json")[1]))
    assert table["state"] == "stands"
    assert (table["trusted"], table["channel"], table["audience"]) == (True, "web", "page")
    assert (table["mask"], table["rate_limit"], table["expires_at"][:10]) == (["email"], 9, "2999-01-01")
    assert datetime.fromisoformat(table["expires_at"]).tzinfo is not None and "T" in table["created_at"]
    assert "digest" not in table


def test_a_key_that_would_open_nothing_is_not_made(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("keys", "create", "desk", "--scope", "profiles:read", "--expires")
    status, lines, said = typed(capsys, *asked, "2020-01-01")
    assert (status, lines) == (2, []) and "is past" in said
    status, lines, said = typed(capsys, "keys", "list")
    assert (status, lines) == (0, []) and "no key yet" in said


@pytest.mark.parametrize("group", [keys_group, audit_group], ids=lambda group: str(group.name))
def test_the_help_of_each_command_has_an_example(group: click.Group) -> None:
    for name, command in group.commands.items():
        assert f"profiles {group.name} {name}" in (command.epilog or "")


def test_a_revoked_key_is_listed_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    typed(capsys, "keys", "create", "desk", "--scope", "profiles:read")
    assert typed(capsys, "keys", "revoke", "desk")[0] == 0
    _, lines, _ = typed(capsys, "keys", "list")
    assert lines[0].split()[:2] == ["desk", "revoked"]


WRONG = [
    (["keys", "create", "desk"], "--scope"),
    (["keys", "create", "desk", "--scope", "everything"], "no scope everything"),
    (["keys", "create", "the desk", "--scope", "profiles:read"], "a key's name is"),
    (["keys", "revoke", "nobody"], "no key named nobody"),
    (["audit", "show", "--limit", "0"], "--limit"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_a_wrong_use_is_said_in_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    status, lines, error = typed(capsys, *arguments)
    assert (status, lines) == (2, [])
    assert said in error
    assert error.count("\n") == 1


def test_a_wrong_setting_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILES_WORKERS", "many")
    status, _, error = typed(capsys, "keys", "list")
    assert status == 2
    assert "PROFILES_WORKERS cannot be 'many'" in error


def test_what_is_done_with_keys_is_in_the_audit_trail_without_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    text = typed(capsys, "keys", "create", "desk", "--scope", "profiles:read")[1][-1]
    typed(capsys, "keys", "revoke", "desk")
    rows = [json.loads(line) for line in typed(capsys, "audit", "show", "--json")[1]]
    assert [row["action"] for row in rows] == ["key.create", "key.revoke"]
    assert all(row["actor"].startswith("cli:") and row["details"]["key"] == "desk" for row in rows)
    assert text not in json.dumps(rows)
    assert typed(capsys, "audit", "show", "--customer", "cus_1")[1] == []


def test_a_chain_that_holds_ends_well_and_a_broken_one_names_its_row(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        typed(capsys, "keys", "create", name, "--scope", "profiles:read")
    status, lines, _ = typed(capsys, "audit", "verify")
    assert (status, lines[0]) == (0, "3 rows, none changed, dropped or put in")
    assert typed(capsys, "audit", "verify", "--noted", lines[1])[0] == 0
    assert typed(capsys, "audit", "verify", "--noted", "3:" + "0" * 64)[0] == 1
    with sqlite3.connect(tmp_path / "data" / "ledger.sqlite") as connection:
        connection.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    connection.close()
    status, _, error = typed(capsys, "audit", "verify")
    assert status == 1
    assert "broken at row 2" in error
