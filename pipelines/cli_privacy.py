"""Commands for a person's own rights: what is known of them, and being forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli_service import actor, opened, settings_over

if TYPE_CHECKING:
    from profile_service.settings import Settings

_data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PROFILES_DATA_DIR",
    show_envvar=True,
    help="Where the work store, the ledger and the published generations live.  [default: data]",
)


@click.command(
    "erase",
    short_help="Forget CUSTOMER_ID everywhere, with a receipt.",
    epilog="\b\nExamples:\n"
    '  profiles erase cus_01JDQ4M0W3N8ZK5V7X2B9C6RTA --reason "request of 12 May"\n'
    "  profiles erase --pending",
)
@click.argument("customer_id", required=False)
@click.option("--pending", is_flag=True, help="Complete what was erased through the service.")
@click.option("--reason", default="erasure request", show_default=True, help="Why: it stands in the audit trail.")
@_data_dir
def erase_command(customer_id: str | None, pending: bool, reason: str, data_dir: Path | None) -> None:
    """Forget CUSTOMER_ID: at once gone from every answer, then from every file; prints the receipt as JSON.

    Records, events, links, keys, search entries and what the ledger says of them go; a salted hash of each record's
    name stays, so that no feed brings them back. Who they touched is resolved anew. Every file is then searched for
    what only this person had; the receipt says what was deleted and where nothing was found.
    """
    from pipelines.eraser import remove_erased

    if (customer_id is None) != pending:
        raise click.UsageError("Name the customer, or say --pending.")
    settings = settings_over(data_dir)
    if customer_id is not None:
        _forget(settings, customer_id, reason)
    receipts = remove_erased(settings, lambda line: click.echo(line, err=True))
    if customer_id is not None:
        receipts = [_receipt(settings, customer_id)]
    for receipt in receipts:
        click.echo(json.dumps(receipt, ensure_ascii=False, indent=1))
    if not receipts:
        click.echo("nobody waits to be removed", err=True)


def _forget(settings: Settings, customer_id: str, reason: str) -> None:
    """Hide the customer from every answer; one that was erased before needs no more than its receipt."""
    from profile_service.audit import Act, Audit
    from profile_service.correct import Wish
    from profile_service.erase import erase
    from profile_service.errors import NotFound, Refused
    from profile_service.world import World

    world = World.open(settings)
    try:
        audit = Audit(world.ledger, settings.server_secret())
        with world.write() as hand:
            erasure = erase(hand, customer_id, Wish(actor(), reason))
            said = {"erasure_id": erasure.erasure_id, "records": len(erasure.tokens)}
            audit.change(hand.tx, Act(actor(), "profile.erase", customer_id, reason, details=said))
    except Refused as error:
        if error.kind != "erased":
            stands_as = error.further.get("stands_as")
            raise NotFound(f"{customer_id}: {error}{f': {stands_as}' if stands_as else ''}") from error
    finally:
        world.close()


def _receipt(settings: Settings, customer_id: str) -> dict[str, Any]:
    from profile_service.erase import erasure_of_customer

    with opened(settings.data_dir) as (_, ledger):
        told = erasure_of_customer(ledger.log(), customer_id)
    return told["receipt"] or told


@click.command(
    "export",
    short_help="Everything known of CUSTOMER_ID: an access request.",
    epilog="\b\nExamples:\n"
    "  profiles export cus_01JDQ4M0W3N8ZK5V7X2B9C6RTA > everything.json\n"
    "  profiles export cus_01JDQ4M0W3N8ZK5V7X2B9C6RTA --html everything.html",
)
@click.argument("customer_id")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page for people to this file.")
@_data_dir
def export_command(customer_id: str, html: Path | None, data_dir: Path | None) -> None:
    """Print everything known of CUSTOMER_ID as JSON: an access request.

    It is personal data: give it to nobody else.
    """
    from profile_service.audit import Act, Audit
    from profile_service.errors import NotFound
    from profile_service.export import export_customer
    from profile_service.export_page import export_page
    from profile_service.lookup import Erased, Retired, by_id
    from profile_service.world import World

    settings = settings_over(data_dir)
    world = World.open(settings)
    try:
        audit = Audit(world.ledger, settings.server_secret())
        state = world.state()
        outcome = by_id(state, customer_id)
        if isinstance(outcome, Retired):
            raise NotFound(f"{customer_id} was merged away: export {outcome.stands_as}")
        if isinstance(outcome, Erased):
            raise NotFound(f"{customer_id} was erased: nothing is known any more")
        with world.ledger.write() as tx:
            audit.change(tx, Act(actor(), "profile.export", customer_id, "access request"))
        told = export_customer(state, customer_id, datetime.now(UTC), audit.rows(customer_id, limit=10_000))
    finally:
        world.close()
    if told is None:
        raise NotFound(f"no customer has or had the id {customer_id}")
    if html is None:
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    html.touch(mode=0o600)
    html.write_text(export_page(told), encoding="utf-8")
    click.echo(f"written to {html}", err=True)
