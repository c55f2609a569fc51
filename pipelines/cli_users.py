"""Commands about the people who work at the console."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli_service import actor, as_json_option, data_dir_option, opened

if TYPE_CHECKING:
    from profile_service.settings import Settings
    from profile_service.store.ledger import Ledger
    from profile_service.users import Users

_ROLES = "agent, lead, steward, marketer, privacy_officer, admin"


@click.group("users", short_help="People who work at the console, and their roles.")
def users_group() -> None:
    """People who work at the console, and what their roles let them do."""


def _users(settings: Settings, ledger: Ledger) -> Users:
    from profile_service.users import Users

    return Users(ledger, settings.server_secret())


def _password(name: str, from_input: bool) -> tuple[str, bool]:
    """The password as typed, or from standard input; else one made up, which is to be shown."""
    if from_input:
        return sys.stdin.readline().rstrip("\n"), False
    if sys.stdin.isatty():
        typed: str = click.prompt(
            f"Password for {name} (empty: make one)", default="", hide_input=True, show_default=False
        )
        if typed:
            again: str = click.prompt("Again", hide_input=True)
            if again != typed:
                raise click.UsageError("the two passwords differ.")
            return typed, False
    return secrets.token_urlsafe(15), True


@users_group.command(
    "create",
    epilog="\b\nExamples:\n"
    "  profiles users create anna.berg --role agent --name 'Anna Berg'\n"
    "  profiles users create sam --role steward --openid https://id.example.com/1234\n"
    "  echo 'a long pass phrase' | profiles users create lee --role lead --password-stdin",
)
@click.argument("user")
@click.option("--role", required=True, help=f"What the user may do: {_ROLES}.")
@click.option("--name", "display_name", help="The name that colleagues see.  [default: USER]")
@click.option("--openid", "subject", help="Whom the OpenID provider signs in: ISSUER/SUBJECT; no password is made.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@data_dir_option
def create_command(user: str, role: str, data_dir: Path | None, password_stdin: bool, **said: Any) -> None:
    """Make a user. A password is asked for, or made up and shown once, alone on the last line."""
    from profile_service.audit import Act, Audit
    from profile_service.users import User

    display_name, subject = said["display_name"] or user, said["subject"]
    password, made_up = (None, False) if subject else _password(user, password_stdin)
    with opened(data_dir, begins=True) as (settings, ledger):
        audit = Audit(ledger, settings.server_secret())
        act = Act(actor(), "user.create", details={"user": user, "role": role})
        wanted = User(user, display_name, role, subject=subject)
        _users(settings, ledger).create(wanted, password, lambda tx: audit.change(tx, act))
    click.echo(f"user {user} is {role.replace('_', ' ')}" + ("; the password is shown this once:" if made_up else ""))
    if made_up:
        click.echo(password)


@users_group.command("list", epilog="\b\nExamples:\n  profiles users list\n  profiles users list --json")
@data_dir_option
@as_json_option
def list_command(data_dir: Path | None, as_json: bool) -> None:
    """List every user with role and state."""
    with opened(data_dir) as (settings, ledger):
        users = _users(settings, ledger).list(datetime.now(UTC))
    if as_json:
        click.echo(json.dumps([vars(user) for user in users]))
        return
    for user in users:
        state = "disabled" if user.disabled else "locked" if user.locked else "stands"
        click.echo(f"{user.name:<24} {user.role:<16} {state:<9} {user.display_name}")
    if not users:
        click.echo("there is no user yet: `profiles users create --help`", err=True)


def _change(user: str, data_dir: Path | None, action: str, change: dict[str, Any]) -> None:
    from profile_service.audit import Act, Audit

    with opened(data_dir) as (settings, ledger):
        audit = Audit(ledger, settings.server_secret())
        act = Act(actor(), f"user.{action}", details={"user": user})
        _users(settings, ledger).change(user, change, lambda tx: audit.change(tx, act))


@users_group.command("password", epilog="\b\nExamples:\n  profiles users password anna.berg")
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@data_dir_option
def password_command(user: str, password_stdin: bool, data_dir: Path | None) -> None:
    """Give a user another password; all sessions of the user end."""
    password, made_up = _password(user, password_stdin)
    _change(user, data_dir, "password", {"password": password})
    click.echo(f"user {user} has another password" + ("; it is shown this once:" if made_up else ""))
    if made_up:
        click.echo(password)


@users_group.command(
    "change",
    epilog="\b\nExamples:\n"
    "  profiles users change anna.berg --role lead\n"
    "  profiles users change sam --disable\n"
    "  profiles users change lee --unlock",
)
@click.argument("user")
@click.option("--role", help=f"Another role: {_ROLES}.")
@click.option("--name", "display_name", help="Another name for colleagues to see.")
@click.option("--disable/--enable", "disabled", default=None, help="Shut out, with all sessions, or let in again.")
@click.option("--unlock", is_flag=True, help="Forget wrong passwords.")
@data_dir_option
def change_command(user: str, data_dir: Path | None, unlock: bool, **said: Any) -> None:
    """Change a user's role, name or state, at once in all workers."""
    change = {name: value for name, value in said.items() if value is not None} | ({"locked": False} if unlock else {})
    if not change:
        raise click.UsageError("say what to change.")
    _change(user, data_dir, "change", change)
    click.echo(f"user {user} is changed")
