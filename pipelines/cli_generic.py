"""Commands for shared values: which are held back, and a steward's ruling on one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli_options import examples
from pipelines.cli_service import actor, as_json_option, data_dir_option, settings_over
from pipelines.terminal import terminal

if TYPE_CHECKING:
    from profile_service.correct import Wish
    from profile_service.live.step import Hand
    from profile_service.rulings import Ruled
    from profile_service.settings import Settings
    from profile_service.world import World

_LONGEST_REASON = 500
_AFTER = {
    "generic": "it is to be held back",
    "ordinary": "it is to count, however many share it",
    "counted": "the counts decide again",
}
_reason = click.option("--reason", required=True, help="Why; it stays in the audit trail: name no person.")


@click.group(
    "generic",
    invoke_without_command=True,
    short_help="Values that too many share: list them, rule on one.",
    epilog=examples("profiles generic", "profiles generic --json"),
)
@data_dir_option
@as_json_option
@click.pass_context
def generic_group(context: click.Context, data_dir: Path | None, as_json: bool) -> None:
    """Shared values: list those that are held back or ruled on; `rule` on one.

    A value that too many people share, such as a shop's own phone, says nothing of who somebody is: it is generic,
    which counts as missing. The list shows how many hold each, what the model allows, since when, and what a steward
    ruled. It holds personal data.
    """
    context.obj = data_dir
    if context.invoked_subcommand is not None:
        return
    from pipelines.generic_drawn import drawn_values
    from profile_service.audit import Act, Audit
    from profile_service.rulings import shared_values

    with _world(data_dir) as (settings, world):
        items = shared_values(world.state(), world.ledger.log())
        with world.ledger.write() as tx:
            act = Act(actor(), "generic.read", details={"values": len(items)})
            Audit(world.ledger, settings.server_secret()).change(tx, act)
    if as_json:
        click.echo(json.dumps(items))
        return
    if not items:
        click.echo("no value is held back, and none was ruled on")
        return
    terminal().print(drawn_values(items))


@generic_group.command(
    "rule",
    short_help="Rule on VALUE of FIELD: generic or ordinary.",
    epilog=examples(
        "profiles generic rule phone '(212) 555-0100' --verdict generic --reason 'the shop in Main Street'",
        "profiles generic rule email info@example.com --verdict ordinary --reason 'a family of fourteen'",
        "profiles generic rule name_pair 'kim lee' --verdict counted --reason 'the feed is mended'",
    ),
)
@click.argument("field")
@click.argument("value")
@click.option(
    "--verdict",
    type=click.Choice(["generic", "ordinary", "counted"]),
    required=True,
    help="generic: it counts as missing; ordinary: it counts, however many share it; counted: as the counts say.",
)
@_reason
@data_dir_option
@as_json_option
@click.pass_context
def rule_command(context: click.Context, /, field: str, value: str, verdict: str, **options: Any) -> None:
    """Rule on VALUE of FIELD, written in any way that means it; somebody must hold it.

    Records that come in live obey at once, everybody else with the next run. The last ruling on a value stands.
    """
    from profile_service.live.rule import Ruling
    from profile_service.rulings import read_value, rule
    from profile_service.state import State

    def do(hand: Hand, wish: Wish) -> Ruled:
        return rule(hand, Ruling(field, read_value(State(hand.generation, hand.overlay), field, value), verdict), wish)

    _rule(context, do, options)


@generic_group.command(
    "undo",
    short_help="Take a ruling back.",
    epilog=examples("profiles generic undo rul_000000000012 --reason 'the wrong number'"),
)
@click.argument("ruling_id")
@_reason
@data_dir_option
@as_json_option
@click.pass_context
def undo_command(context: click.Context, /, ruling_id: str, **options: Any) -> None:
    """Take RULING_ID back, the last on its value: what stood before it stands again."""
    from profile_service.rulings import undo_ruling

    _rule(context, lambda hand, wish: undo_ruling(hand, ruling_id, wish), options)


@contextmanager
def _world(data_dir: Path | None) -> Iterator[tuple[Settings, World]]:
    """The settings, and the world that they name, with a generation in it."""
    from profile_service.world import World

    settings = settings_over(data_dir)
    world = World.open(settings)
    try:
        yield settings, world
    finally:
        world.close()


def _rule(context: click.Context, do: Callable[[Hand, Wish], Ruled], options: Mapping[str, Any]) -> None:
    from profile_service.audit import Act, Audit
    from profile_service.correct import Wish

    reason = options["reason"].strip()
    if not 0 < len(reason) <= _LONGEST_REASON or not reason.isprintable():
        raise click.UsageError(f"--reason: say why in 1 to {_LONGEST_REASON} characters on one line.")
    wish = Wish(actor(), reason)
    with _world(options["data_dir"] or context.obj) as (settings, world), world.write() as hand:
        ruled = do(hand, wish)
        act = Act(wish.actor, "generic.rule", details=ruled.told(wish))
        Audit(world.ledger, settings.server_secret()).change(hand.tx, act)
    if options["as_json"]:
        click.echo(json.dumps(ruled.document()))
        return
    click.echo(f"{ruled.ruling_id}: {_AFTER[ruled.verdict]}")
    click.echo("next: profiles run LANDING")
