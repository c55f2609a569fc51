"""Commands for the model: learn it anew, read what it learned, change it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from pipelines.cli_options import data_dir_option, examples, json_option, write_new
from pipelines.terminal import terminal

_labels = click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV of judged pairs (left_channel, left_id, right_channel, right_id, verdict: same, different or unsure): "
    "measures precision and recall, with intervals.",
)


@click.command(
    "train",
    short_help="Learn a new model from the records at hand.",
    epilog=examples(
        "profiles train",
        "profiles train --labels judged.csv",
        "profiles model --out model.toml",
        "profiles train --model model.toml",
        "profiles train --model packaged",
    ),
)
@data_dir_option
@click.option(
    "--model",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with the declaration to learn with; it stays in use until another is given. "
    "'packaged' goes back to the one that ships.",
)
@_labels
@json_option
def train_command(data_dir: Path, model: Path | None, labels: Path | None, as_json: bool) -> None:
    """Learn a new model version from the records at hand, and write its report.

    The first run trains by itself. After this, the next run resolves everyone with the new model; `profiles run LANDING
    --dry-run` shows beforehand whom that would merge, split or give another id. Labels are for measuring: they do not
    change what is learned. The report stands beside the model, shut to other accounts.
    """
    from pipelines.progress import shown_progress
    from pipelines.retrain import TrainOptions, retrain
    from profile_service.settings import load_settings

    ledger = load_settings(os.environ, {"data_dir": data_dir}).ledger
    with shown_progress() as progress:
        training = retrain(data_dir, progress, TrainOptions(model, labels), ledger=ledger)
    if as_json:
        said = {**vars(training), "report": str(training.report), "findings": training.findings.as_json()}
        click.echo(json.dumps(said))
        return
    click.echo(f"model {training.model_version}, learned from {training.records:,} records")
    if training.follows == training.model_version:
        click.echo("it is the model that stood: these records teach nothing else")
    follows = "" if training.follows in (None, training.model_version) else f"it follows {training.follows} and "
    click.echo(f"declared in {training.declared_in}; {follows or 'it '}expects these pairs:")
    for name, pairs in training.expected_pairs.items():
        click.echo(f"  {name:<10} {pairs:>20,.0f}")
    from pipelines.model_report.words import interval, percent, several, unmeasured

    estimate, measured = training.findings.estimate, training.findings.measured
    click.echo(f"estimated without labels: precision {percent(estimate.precision)}, recall {percent(estimate.recall)}")
    if measured and unmeasured(measured):
        click.echo(unmeasured(measured))
    elif measured:
        click.echo(
            f"measured on {several(measured.labels, 'label')}: precision {interval(measured.precision)}, "
            f"recall of the pairs weighed {interval(measured.recall)}"
        )
    for warning in training.warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"report: {training.report}")
    click.echo("next: profiles run LANDING --dry-run")


@click.command(
    "report",
    short_help="What the model learned, and how good it is.",
    epilog=examples(
        "profiles report",
        "profiles report --labels judged.csv",
        "profiles report --html report.html",
        "profiles report --json",
    ),
)
@data_dir_option
@_labels
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the page to this file.  [default: report.html beside the model]",
)
@click.option("--open", "show", is_flag=True, help="Open the page in a browser.")
@json_option
def report_command(data_dir: Path, labels: Path | None, html: Path | None, show: bool, as_json: bool) -> None:
    """Show what the model learned and how good its customers are, and draw the report as a page.

    m and u of each level by class, weights in bits, class shares, what each blocking rule contributes, generic values,
    scores with the grey zone, sizes of customers; precision and recall estimated without labels and, with labels,
    measured. The model is the last run's; nothing is learned. The page needs no network and no script. It shows values
    that people share: it is made shut to other accounts.
    """
    from pipelines.model_report.files import write_page, write_report
    from pipelines.model_report.text import print_report
    from pipelines.retrain import report_standing
    from profile_service.settings import load_settings

    ledger = load_settings(os.environ, {"data_dir": data_dir}).ledger
    report, folder = report_standing(data_dir, labels, ledger=ledger)
    if html is None:
        page = write_report(report, folder, page=True)
    else:
        write_page(report, page := html)
    if as_json:
        click.echo(json.dumps({**report.as_json(), "page": str(page)}))
    else:
        print_report(report, terminal())
        click.echo(f"\nas a page: {page}")
    if show:
        click.launch(str(page.resolve()))


@click.command(
    "model",
    short_help="Print the model's declaration, to change it.",
    epilog=examples("profiles model --out model.toml", "profiles model --packaged | less"),
)
@data_dir_option
@click.option("--packaged", is_flag=True, help="The declaration that ships, whatever stands.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this new file.")
def model_command(data_dir: Path, packaged: bool, out: Path | None) -> None:
    """Print the declaration of the model that stands, as TOML, to read, copy and change.

    Comparisons with their levels, blocking rules, thresholds and survivorship, each number with its why. Change a copy
    and learn with it: `profiles train --model FILE`.
    """
    from pipelines.retrain import standing_declaration
    from profile_service.identity.model import packaged_model

    text = packaged_model().text if packaged else standing_declaration(data_dir)
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text, "profiles train --model")
