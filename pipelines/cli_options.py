"""Options that several commands share, each worded once."""

from __future__ import annotations

from pathlib import Path

import click

from profile_service.errors import WrongUsage

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    envvar="PROFILES_DATA_DIR",
    show_default=True,
    show_envvar=True,
    help="Where the work store, the models and the published generations live.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output, for other programs.")


def write_new(out: Path, text: str, then: str) -> None:
    """Write a declaration to a new file and say what to type ``then``; raises WrongUsage for one that is there."""
    if out.exists():
        raise WrongUsage(f"{out} is there already, perhaps with changes: name a new file")
    out.write_text(text, encoding="utf-8")
    click.echo(f"change it, then: {then} {out}")


def examples(*lines: str) -> str:
    """Lines to copy, below a command's options."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
