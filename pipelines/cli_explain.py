"""Commands that say why: two records, one customer, and what a run has changed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from pipelines.cli_options import data_dir_option, examples, json_option
from pipelines.terminal import plain, terminal


@click.command(
    "explain",
    short_help="Why records are, or are not, one customer.",
    epilog=examples(
        "profiles explain mobile:M00000539 web:W00000152",
        "profiles explain web:W00000152",
        "profiles explain cus_01JDQ4M0W3N8ZK5V7X2B9C6RTA",
        "profiles explain store:S00000890 --why-not",
    ),
)
@click.argument("who", metavar="WHO")
@click.argument("other", metavar="[WHO]", required=False)
@click.option("--why-not", is_flag=True, help="Only who comes nearest and what lacks, with the strongest pair weighed.")
@data_dir_option
@json_option
def explain_command(who: str, other: str | None, why_not: bool, data_dir: Path, as_json: bool) -> None:
    """Say why records are, or are not, one customer; WHO is a record (channel:id) or a customer's id.

    Two records: each comparison's weight, in bits. One record or customer: in which order its records joined and at
    what average, and the nearest other customers with the bits that lack. Two customers: the bits between them, and
    their strongest pair weighed. It tells what the last run knew, and says what was written live since. Shows records'
    values: they are personal data.
    """
    from pipelines.explain import explain
    from pipelines.explain_customer import explain_customer, nearness
    from pipelines.merges_drawn import near_lines, print_customer, print_nearest
    from pipelines.waterfall import print_explanation
    from profile_service.settings import load_settings

    console = terminal()
    ledger = load_settings(os.environ, {"data_dir": data_dir}).ledger
    if other is None:
        found = explain_customer(who, data_dir, ledger)
        strongest = found.nearest[0].strongest if why_not and found.nearest else None
        weighed = explain(strongest.left, strongest.right, data_dir, ledger) if strongest else None
        if as_json:
            click.echo(json.dumps({**asdict(found), **({"strongest_pair": weighed.as_json()} if weighed else {})}))
            return
        (print_nearest if why_not else print_customer)(found, console)
        if weighed:
            console.print()
            print_explanation(weighed, console)
        return
    if ":" in who and ":" in other:
        explanation = explain(who, other, data_dir, ledger)
        if as_json:
            click.echo(json.dumps(explanation.as_json()))
        else:
            print_explanation(explanation, console)
        return
    found_near = nearness(who, other, data_dir, ledger)
    near = found_near.near
    weighed = explain(near.strongest.left, near.strongest.right, data_dir, ledger) if near else None
    if as_json:
        said = {**asdict(found_near), "strongest_pair": weighed.as_json() if weighed else None}
        click.echo(json.dumps(said))
    elif near is None or weighed is None:
        console.print(
            f"two customers: no pair of records of {who} and {other} shares a blocking key",
            highlight=False,
            soft_wrap=True,
        )
        for line in found_near.waiting:
            console.print(plain(line), highlight=False, soft_wrap=True)
    else:
        for line in near_lines(near, near.bits + near.short_bits):
            console.print(line, highlight=False, soft_wrap=True)
        console.print()
        print_explanation(weighed, console)


@click.command(
    "changes",
    short_help="Whom a run merged or split, and why.",
    epilog=examples("profiles changes", "profiles changes 3", "profiles changes 1 3 --json"),
)
@click.argument("first", metavar="[RUN]", required=False)
@click.argument("last", metavar="[RUN]", required=False)
@click.option("--all", "everything", is_flag=True, help="List every change, not the first ones of each kind.")
@data_dir_option
@json_option
def changes_command(first: str | None, last: str | None, everything: bool, data_dir: Path, as_json: bool) -> None:
    """List whom a run merged, split or gave another id, and the record, value, judgement or model that caused it.

    By default the last run; one RUN (its number or id): that one; two: all after the first up to the second. Shows
    names: they are personal data.
    """
    from pipelines.changes import changes_between
    from pipelines.changes_drawn import print_changes
    from profile_service.settings import load_settings

    found = changes_between(data_dir, first, last, load_settings(os.environ, {"data_dir": data_dir}).ledger)
    if as_json:
        click.echo(json.dumps({**asdict(found), "counts": found.counts()}))
    else:
        print_changes(found, terminal(), everything=everything)
