"""The one command, ``profiles``: its arguments, its exit statuses and its one-line errors."""

from __future__ import annotations

import atexit
import gc
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import click

from pipelines.cli_explain import changes_command, explain_command
from pipelines.cli_generic import generic_group
from pipelines.cli_labels import labels_group
from pipelines.cli_model import model_command, report_command, train_command
from pipelines.cli_options import data_dir_option, examples, json_option
from pipelines.cli_privacy import erase_command, export_command
from pipelines.cli_service import audit_group, keys_group, serve_command
from pipelines.cli_traits import traits_command
from pipelines.cli_users import users_group
from pipelines.terminal import terminal
from profile_service.errors import ProfileError

# Stages load DuckDB, numpy and scipy: each command imports its own, so that `profiles --help` answers at once.

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
_LONGEST = 300


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("unified-customer-profile"), prog_name="profiles")
@click.option(
    "--debug",
    is_flag=True,
    envvar="PROFILES_DEBUG",
    show_envvar=True,
    expose_value=False,
    help="Show the traceback of an unexpected error.",
)
def cli() -> None:
    """Four channels of customer records become one customer each, with the reason why.

    Exit status 0: done. 1: it failed, and what stood before still stands. 2: wrong usage or unusable input.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


cli.add_command(train_command)
cli.add_command(report_command)
cli.add_command(model_command)
cli.add_command(traits_command)
cli.add_command(explain_command)
cli.add_command(changes_command)
cli.add_command(keys_group)
cli.add_command(users_group)
cli.add_command(serve_command)
cli.add_command(audit_group)
cli.add_command(erase_command)
cli.add_command(export_command)
cli.add_command(labels_group)
cli.add_command(generic_group)


@cli.command(
    "run",
    epilog=examples(
        "profiles run data/sample",
        "profiles run /srv/landing --data-dir /srv/profiles --json",
        "profiles run /srv/landing --channels channels.toml --dry-run",
    ),
)
@click.argument("landing", type=click.Path(path_type=Path))
@data_dir_option
@click.option(
    "--channels",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file that declares further channels, or other layouts of the built-in ones.",
)
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark", "recordlinkage"]),
    default="duckdb",
    show_default=True,
    help="What applies the rules: duckdb; recordlinkage, the reference in pandas, for small data; spark.",
)
@click.option("--rebuild", is_flag=True, help="Resolve everything anew, with the same model.")
@click.option("--dry-run", is_flag=True, help="Publish nothing; list who would be merged, split or given another id.")
@click.option("--accept", is_flag=True, help="Publish although the over-merge firewall objects.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How many generations stay on disk, the new one among them.",
)
@json_option
def run_command(landing: Path, data_dir: Path, as_json: bool, **options: Any) -> None:
    """Take in what is new in LANDING, resolve it, publish it.

    LANDING holds <channel>/customers* and <channel>/events* as CSV, JSONL or Parquet, also gzipped. The same landing
    again changes nothing and takes seconds; a second one is added without resolving everything again.
    """
    with uncollected():
        from pipelines.progress import shown_progress
        from pipelines.run import Places, RunOptions, run
        from pipelines.summary import print_summary
        from profile_service.settings import load_settings

        ledger = load_settings(os.environ, {"data_dir": data_dir}).ledger
        with shown_progress() as progress:
            summary = run(Places(landing, data_dir, ledger), RunOptions(**options), progress)
    if as_json:
        click.echo(json.dumps(summary.as_json()))
    else:
        print_summary(summary, terminal(), options)


@contextmanager
def uncollected() -> Iterator[None]:
    """What refers to itself stays meanwhile: a run makes next to none, and looking for it takes it half a second."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cli.command(
    "evaluate",
    short_help="Precision, recall and errors, by a file of the truth.",
    epilog=examples("profiles evaluate --truth data/sample/truth.csv", "profiles evaluate --truth truth.csv --json"),
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="CSV with channel, source_record_id and person_id.",
)
@click.option(
    "--households",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with person_id and household_id: how good customer_households is.",
)
@data_dir_option
@json_option
def evaluate_command(truth: Path, households: Path | None, data_dir: Path, as_json: bool) -> None:
    """Compare the published customers with the truth: precision, recall, F1, and errors by kind."""
    from pipelines.evaluate import evaluate, print_evaluation
    from profile_service.settings import load_settings

    ledger = load_settings(os.environ, {"data_dir": data_dir}).ledger
    evaluation = evaluate(truth, data_dir, households, ledger)
    if as_json:
        click.echo(json.dumps(evaluation.as_json()))
    else:
        print_evaluation(evaluation, terminal())


def _list_troubles(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from pipelines.simulate.options import TROUBLES

        click.echo(TROUBLES.read_text(encoding="utf-8"), nl=False)
        context.exit()


@cli.command(
    "simulate",
    short_help="Invent a retailer: feeds of four channels, and the truth.",
    epilog=examples(
        "profiles simulate landing --records 100000",
        "profiles simulate landing --records 3000 --seed 7 --noise dirty",
        "profiles simulate --list-troubles > troubles.toml",
    ),
)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--records", type=click.IntRange(min=1), required=True, help="Customer records over all channels.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same bytes.")
@click.option("--events", type=click.IntRange(min=0), help="Events over all channels  [default: as many as records]")
@click.option("--noise", default="usual", show_default=True, help="clean, usual or dirty.")
@click.option(
    "--troubles",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="TOML with the rates of troubles that shall be others than usual.",
)
@click.option(
    "--list-troubles",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_troubles,
    help="Print every trouble with its rate and its why, as such a TOML, and end.",
)
@click.option("--broken", type=click.IntRange(min=0), default=0, help="Rows a feed that break its contract, added.")
def simulate_command(out: Path, **options: Any) -> None:
    """Invent a retailer: feeds of four channels in OUT, with the truth in OUT/truth.csv.

    OUT/households.csv says which people live together.
    """
    from pipelines.progress import shown_progress, stage_by_stage
    from pipelines.simulate import SimulationOptions, simulate

    wanted = SimulationOptions(**options)
    with shown_progress() as progress, stage_by_stage(progress) as step:
        made = simulate(out, wanted, step)
    click.echo(f"{made.records:,} records and {made.events:,} events of {made.people:,} people in {out}")
    click.echo(f"next: profiles run {out}")


def _leave_at_once() -> None:
    """At its end Python would look through all that was ever imported for what refers to itself: a third of a second.

    DuckDB's binding takes what is left uncollected for a leak and would say so in thirty lines; nobody speaks after it.
    """
    gc.freeze()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage or unusable input, 130 interrupted."""
    # what a scheduler sends to stop a job ends a run like Ctrl-C: rolled back, said in one line
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    atexit.register(_leave_at_once)
    debug = "--debug" in arguments or os.environ.get("PROFILES_DEBUG", "") not in ("", "0")
    try:
        cli.main(args=arguments, prog_name="profiles", standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        _say(error.format_message())
        sys.exit(MISUSED)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "profiles"
        _say(f"{command}: {error.format_message()} Try '{command} --help'.")
        sys.exit(MISUSED)
    except (KeyboardInterrupt, click.Abort):
        _say("profiles: interrupted; what stood before still stands")
        sys.exit(INTERRUPTED)
    except ProfileError as error:
        _say(f"profiles: {error}")
        sys.exit(error.exit_status)
    except Exception as error:
        sys.exit(_unexpected(error, debug))
    sys.exit(0)


def _unexpected(error: Exception, debug: bool) -> int:
    """One line for an error that nobody foresaw; its traceback only on demand, for values may stand in it."""
    if isinstance(error, RuntimeError) and "Query interrupted" in str(error):
        # how DuckDB passes on Ctrl-C
        _say("profiles: interrupted; what stood before still stands")
        return INTERRUPTED
    if debug:
        traceback.print_exception(error)
    what = " ".join(str(error).split()) or "no more is known"
    _say(f"profiles: {type(error).__name__}: {what[:_LONGEST]} (run again with --debug for the traceback)")
    return FAILED


def _say(line: str) -> None:
    click.echo(line, err=True)
