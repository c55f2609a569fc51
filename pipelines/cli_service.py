"""Commands about the service: its API keys and its audit trail."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli_options import examples

if TYPE_CHECKING:
    from profile_service.keys import Key
    from profile_service.settings import Settings
    from profile_service.store.ledger import Ledger

# The ledger loads SQLAlchemy: each command imports its own, so that `profiles --help` answers at once.

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PROFILES_DATA_DIR",
    show_envvar=True,
    help="Where the ledger and the published generations live.  [default: data]",
)
as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on standard output, for other programs."
)


def settings_over(data_dir: Path | None, *, begins: bool = False) -> Settings:
    """The settings as set, with ``data_dir`` over them.

    Raises WrongUsage where they name a ledger that is not there, but for a command that ``begins`` one.
    """
    from profile_service.settings import ledger_of, load_settings

    settings = load_settings(os.environ, {"data_dir": data_dir})
    if not begins:
        ledger_of(settings.data_dir, settings.ledger)
    return settings


@contextmanager
def opened(data_dir: Path | None, *, begins: bool = False) -> Iterator[tuple[Settings, Ledger]]:
    """The settings, as ``settings_over`` answers them, and the ledger that they name."""
    from profile_service.store.ledger import Ledger

    settings = settings_over(data_dir, begins=begins)
    ledger = Ledger.open(settings.ledger, wait_seconds=settings.ledger_wait_seconds)
    try:
        yield settings, ledger
    finally:
        ledger.close()


def actor() -> str:
    """Who is at the command line, as the audit trail names them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"


@click.group("keys")
def keys_group() -> None:
    """API keys: who may ask the service what."""


@keys_group.command(
    "create",
    epilog="\b\nExamples:\n"
    "  profiles keys create desk --scope profiles:read --scope profiles:search\n"
    "  profiles keys create shop --scope records:write --channel web --trusted --rate-limit 600",
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="What it may do: profiles:read, profiles:search, profiles:explain, records:write, events:write, "
    "consents:write, calls:write, reviews, privacy; may be given several times.",
)
@click.option("--audience", default="agent", show_default=True, help="Whose view: agent, page, analyst, subject.")
@click.option("--channel", help="The channel that uses it.")
@click.option("--trusted", is_flag=True, help="Its records are from people who have proved who they are.")
@click.option("--mask", multiple=True, help="A field to hide further; may be given several times.")
@click.option("--rate-limit", type=click.IntRange(min=1), help="Requests a minute  [default: the service's]")
@click.option(
    "--expires",
    metavar="DATE",
    type=click.DateTime(),
    help="Until when it stands, UTC: YYYY-MM-DD, with THH:MM:SS if need be.  [default: until revoked]",
)
@data_dir_option
def create_command(name: str, data_dir: Path | None, expires: datetime | None, **grant: Any) -> None:
    """Make a key named NAME. It is shown once, on the last line, and kept nowhere."""
    from profile_service.audit import Act, Audit
    from profile_service.errors import WrongUsage
    from profile_service.keys import KeyGrant, Keys

    if expires is not None and expires.replace(tzinfo=UTC) <= datetime.now(UTC):
        raise WrongUsage(f"a key that expires at {expires:%Y-%m-%dT%H:%M:%SZ} opens nothing: that is past")
    with opened(data_dir, begins=True) as (settings, ledger):
        secret = settings.server_secret()
        wanted = KeyGrant(name, **grant, expires_at=expires.replace(tzinfo=UTC) if expires else None)
        made = Act(actor(), "key.create", details={"key": name, "scopes": sorted(wanted.scopes)})
        text = Keys(ledger, secret).create(wanted, lambda tx, key: Audit(ledger, secret).change(tx, made))
    click.echo(f"key {name} may {', '.join(sorted(wanted.scopes))}; it is shown this once:")
    click.echo(text)


@keys_group.command(
    "list",
    short_help="List every key there ever was, and what it may do.",
    epilog=examples("profiles keys list", "profiles keys list --json"),
)
@data_dir_option
@as_json_option
def list_command(data_dir: Path | None, as_json: bool) -> None:
    """List every key there ever was: what it may do, and whether it stands."""
    from profile_service.keys import Keys

    with opened(data_dir) as (settings, ledger):
        keys = Keys(ledger, settings.server_secret()).list()
    now = datetime.now(UTC)
    if as_json:
        click.echo(json.dumps([_key_table(key, now) for key in keys]))
        return
    if not keys:
        click.echo("there is no key yet: `profiles keys create --help`", file=sys.stderr)
    for key in keys:
        table = _key_table(key, now)
        click.echo(f"{key.name:<24} {table['state']:<8} {key.audience:<8} {' '.join(key.scopes)}")


def _key_table(key: Key, now: datetime) -> dict[str, Any]:
    state = "revoked" if key.revoked_at else "stands" if key.standing(now) else "expired"
    table = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in vars(key).items()
        if value is not None
    }
    return table | {"scopes": list(key.scopes), "mask": list(key.mask), "state": state}


@keys_group.command("revoke", epilog="\b\nExamples:\n  profiles keys revoke desk")
@click.argument("name")
@data_dir_option
def revoke_command(name: str, data_dir: Path | None) -> None:
    """Revoke the key NAME: no worker takes it from the next request on."""
    from profile_service.audit import Act, Audit
    from profile_service.keys import Keys

    with opened(data_dir) as (settings, ledger):
        secret = settings.server_secret()
        act = Act(actor(), "key.revoke", details={"key": name})
        Keys(ledger, secret).revoke(name, lambda tx, key: Audit(ledger, secret).change(tx, act))
    click.echo(f"key {name} is revoked")


@click.group("audit")
def audit_group() -> None:
    """The audit trail: who read or changed what, why and when."""


@audit_group.command(
    "verify",
    short_help="Check that no row was changed, dropped or put in.",
    epilog="\b\nExamples:\n"
    "  profiles audit verify\n"
    "  profiles audit verify --noted 4485:c913f76ed1ad5fe02d77afb4e69fc45b991c052e87cc90aea6cc1c7329132e09",
)
@click.option("--noted", metavar="SEQ:HASH", help="A head that an earlier check printed.")
@data_dir_option
def verify_command(noted: str | None, data_dir: Path | None) -> None:
    """Check that no row was changed, dropped or put in; exit status 1 names the first that was.

    Write the head it prints down elsewhere: with --noted it proves later that nobody put back an older ledger.
    """
    from profile_service.audit import Audit
    from profile_service.errors import ChainBroken
    from profile_service.journal import ReadJournal

    with opened(data_dir) as (settings, ledger):
        audit = Audit(ledger, settings.server_secret())
        ReadJournal(ledger, audit, settings.journals).fold_orphans()
        verdict = audit.verify(noted)
    if verdict.broken_at is not None:
        raise ChainBroken(f"the audit trail is broken at row {verdict.broken_at}: {verdict.what}")
    click.echo(f"{verdict.rows:,} rows, none changed, dropped or put in")
    click.echo(verdict.head)


@audit_group.command(
    "show",
    epilog="\b\nExamples:\n"
    "  profiles audit show --limit 20\n"
    "  profiles audit show --customer cus_01JDQ4M0W3N8ZK5V7X2B9C6RTA --json",
)
@click.option("--customer", "customer_id", metavar="ID", help="Only what was done with this customer.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The last so many rows.")
@data_dir_option
@as_json_option
def show_command(customer_id: str | None, limit: int, data_dir: Path | None, as_json: bool) -> None:
    """Show the newest rows, oldest of them first."""
    from profile_service.audit import Audit

    with opened(data_dir) as (settings, ledger):
        rows = Audit(ledger, settings.server_secret()).newest(limit, customer_id)
    for row in rows:
        if as_json:
            click.echo(json.dumps(vars(row) | {"details": json.loads(row.details)}))
            continue
        about = f" {row.customer_id}" if row.customer_id else ""
        why = f" because {row.purpose!r}" if row.purpose else ""
        click.echo(f"{row.seq:>8} {row.at} {row.actor} {row.action}{about}{why} {row.details}")
    if not rows:
        click.echo("nothing is in the audit trail yet" if customer_id is None else "nothing about it", file=sys.stderr)


@click.command(
    "serve",
    short_help="The API, the console and the documentation, on one port.",
    epilog=examples(
        "profiles serve --port 8080 --workers 4",
        "PROFILES_LEDGER_URL=postgresql://profiles@db/profiles profiles serve --host 0.0.0.0",
    ),
)
@data_dir_option
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0 for a free one.  [default: 8000]")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that answer.  [default: 2]")
@click.option("--try", "trying", is_flag=True, help="Also make a key until the service ends, and print calls to copy.")
def serve_command(data_dir: Path | None, trying: bool, **given: Any) -> None:
    """The API, the console and the documentation on one port, until Ctrl-C.

    New generations are followed by themselves.
    """
    from pipelines.serve import serve
    from pipelines.tryout import tryout
    from profile_service.settings import load_settings

    settings = load_settings(os.environ, {"data_dir": data_dir, **given})

    def say(address: str, *more: str) -> None:
        click.echo(f"serving {address}, its documentation at {address}/docs; Ctrl-C ends it")
        for line in more:
            click.echo(line)
        sys.stdout.flush()

    if not trying:
        serve(settings, say)
        return
    with tryout(settings) as calls:
        serve(settings, lambda address: say(address, "", *calls.lines(address)))
