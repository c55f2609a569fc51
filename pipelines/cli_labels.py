"""Commands for labels: pairs to judge, drawn for a person, and what the person said of them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from pipelines.cli_service import actor, settings_over

_data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PROFILES_DATA_DIR",
    show_envvar=True,
    help="Where the work store, the ledger and the published generations live.  [default: data]",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output, for other programs.")
_LINES = 20


@click.group("labels", short_help="What people say of pairs of records.")
def labels_group() -> None:
    """Labels: what people say of pairs of records, to measure by or to bind."""


@labels_group.command(
    "export",
    short_help="Write pairs to judge to FILE, the most doubtful first.",
    epilog="\b\nExamples:\n"
    "  profiles labels export judge.csv --pairs 500\n"
    "  profiles labels export judge.csv --pairs 200 --seed 7 --data-dir /srv/profiles",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--pairs", type=click.IntRange(min=1), default=500, show_default=True, help="How many pairs to draw.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same pairs.")
@_data_dir
@_as_json
def export_command(file: Path, pairs: int, seed: int, data_dir: Path | None, as_json: bool) -> None:
    """Write pairs to judge to FILE, a CSV with both records side by side, the most doubtful first.

    Fill in `verdict` (same, different or unsure), `reason` if you like, and import the file. Pairs are drawn by strata
    of match weight, most where the model is unsure; `stratum` and `sampling_probability` say how, so that precision can
    be estimated without bias from whatever part is judged at random, or from all of it. FILE holds personal data.
    """
    from pipelines.label_file import export_pairs
    from profile_service.settings import load_settings

    settings = load_settings(os.environ, {"data_dir": data_dir})
    exported = export_pairs(file, settings.data_dir, pairs, seed, settings.ledger)
    drawn = exported.drawn
    counts: dict[str, list[int]] = {}
    for pair in drawn:
        counts.setdefault(pair.stratum, [0, pair.stratum_pairs])[0] += 1
    if as_json:
        strata = [{"stratum": name, "pairs": of, "drawn": count} for name, (count, of) in sorted(counts.items())]
        told = {"file": str(file), "pairs": len(drawn), "strata": strata, "left_out": list(exported.left_out)}
        click.echo(json.dumps(told))
        return
    for name, (count, of) in sorted(counts.items()):
        click.echo(f"  {name:<28} {count:>6,} of {of:>12,} pairs")
    click.echo(f"{len(drawn):,} pairs in {file}; fill in `verdict`: same, different or unsure")
    for said in exported.left_out:
        click.echo(said)
    click.echo(f"next: profiles labels import {file} --author YOUR_NAME")


@labels_group.command(
    "import",
    short_help="Keep the verdicts in FILE, to measure by or to bind.",
    epilog="\b\nExamples:\n"
    "  profiles labels import judge.csv --author ada\n"
    "  profiles labels import judge.csv --author ada --bind",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--author", required=True, help="Who judged, where a row of FILE names nobody.")
@click.option(
    "--bind",
    is_flag=True,
    help="Let them bind as stewards' decisions do: same is a must-link, different a cannot-link.  "
    "[default: they only measure]",
)
@_data_dir
@_as_json
def import_command(file: Path, author: str, bind: bool, data_dir: Path | None, as_json: bool) -> None:
    """Keep the verdicts in FILE: all of its rows or, when one is bad, none; the same again changes nothing.

    FILE is what `profiles labels export` wrote, or any CSV with left_channel, left_id, right_channel, right_id and
    verdict. The next run lists them in match_judgements. With --bind they also bind live answers at once and every run
    from the next on, until taken back.
    """
    from pipelines.label_file import BadLabels, nobody_judged, read_judged, refuse_unknown
    from pipelines.model_report.words import several
    from profile_service.audit import Act, Audit
    from profile_service.labels import import_labels
    from profile_service.world import World

    author = author.strip()
    if not author:
        raise click.UsageError("--author is empty: say who judged.")
    settings = settings_over(data_dir)
    try:
        judged = read_judged(file, author, datetime.now(UTC))
        world = World.open(settings)
        try:
            with world.write() as hand:
                refuse_unknown(file, judged, lambda *key: hand.standing.record(*key) is not None)
                done = import_labels(hand, [label for _, label in judged.labels], bind=bind)
                details = {"new": done.new, "known": done.known, "bound": done.bound}
                Audit(world.ledger, settings.server_secret()).change(
                    hand.tx, Act(actor(), "labels.import", details=details)
                )
        finally:
            world.close()
    except BadLabels as error:
        for line, reason in error.rows[:_LINES]:
            click.echo(f"line {line}: {reason}", err=True)
        if len(error.rows) > _LINES:
            click.echo(f"and {len(error.rows) - _LINES:,} more", err=True)
        raise
    if as_json:
        click.echo(json.dumps({**details, "unjudged": judged.unjudged}))
        return
    for said in nobody_judged(file, judged):
        click.echo(said)
    if not judged.labels:
        return
    click.echo(
        f"{several(done.new, 'label')} kept, {done.known:,} known already, "
        f"{several(judged.unjudged, 'row')} not judged yet; "
        + (f"{done.bound:,} more bind from now on" if bind else "they measure and bind nothing")
    )
    click.echo("next: profiles run LANDING" + ("" if bind else ", and profiles report measures by them"))
