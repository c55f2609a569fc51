"""Options that several commands share, each worded once."""

from __future__ import annotations

from pathlib import Path

import click

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


def examples(*lines: str) -> str:
    """Lines to copy, below a command's options."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
