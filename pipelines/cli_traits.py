"""The command for traits and segments: who is where, and how to declare others."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pipelines.cli_options import data_dir_option, examples, json_option, write_new
from profile_service.errors import WrongUsage


@click.command(
    "traits",
    short_help="Customers' value: traits and segments, and how to change them.",
    epilog=examples(
        "profiles traits",
        "profiles traits --out traits.toml",
        "profiles traits --use traits.toml",
        "profiles traits --use packaged",
    ),
)
@data_dir_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the declaration to this new file.")
@click.option(
    "--use",
    metavar="FILE",
    help="Adopt the declaration in this TOML file; the next run publishes with it, and it stays in use until another "
    "is given. 'packaged' goes back to the one that ships.",
)
@json_option
def traits_command(data_dir: Path, out: Path | None, use: str | None, as_json: bool) -> None:
    """Show the segments, how many customers are in each, and the traits that they are told by.

    Traits are computed from events, records and consents when a run publishes, as of its moment; segments are
    conditions on traits. Both stand in the warehouse (customer_traits, customer_segments) and in each profile. What is
    written live is in them from the next run on.
    """
    from pipelines.traits_use import told_traits, use_traits
    from profile_service.traits import standing_traits

    if out is not None and use is not None:
        raise WrongUsage("give --out to write the declaration, or --use to adopt one, not both")
    if use is not None:
        traits = use_traits(data_dir, use)
        click.echo(f"adopted {len(traits.traits)} traits and {len(traits.segments)} segments")
        click.echo("next: profiles run LANDING, which publishes everyone with them")
        return
    if out is not None:
        write_new(out, standing_traits(data_dir).text, "profiles traits --use")
        return
    told = told_traits(data_dir)
    counts = told.segments or {}
    if as_json:
        said = {"as_of": told.as_of or None, "customers_with_traits": told.customers, "segments": counts}
        click.echo(json.dumps({**said, "traits": [trait.name for trait in told.traits.traits]}))
        return
    if told.as_of:
        click.echo(f"{told.customers:,} customers have traits, as of {told.as_of}")
    else:
        click.echo("nothing is published with this declaration yet: profiles run LANDING")
    click.echo("\nsegments")
    for segment in told.traits.segments:
        count = f"{counts[segment.name]:>10,}" if segment.name in counts else ""
        click.echo(f"  {segment.name:<20}{count}  {segment.why}")
    click.echo("\ntraits")
    for trait in told.traits.traits:
        click.echo(f"  {trait.name:<20}  {trait.why}")
