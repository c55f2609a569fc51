"""What runs changed, on a terminal: counts by what happened and why, then the people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.changes import Changes
from pipelines.summary import change_lines

if TYPE_CHECKING:
    from rich.console import Console

_WIDEST = 100
_LISTED = 10
WORDS = {
    "merged_into": "merged into another",
    "split_from": "split from another",
    "restored": "standing again under a former id",
    "erased": "erased",
    "moved": "records moved to another customer",
}


def print_changes(changes: Changes, console: Console, *, everything: bool) -> None:
    """Print how many ids changed and why, then who; ``everything``: all of them."""
    console.width = max(console.width, _WIDEST)
    since = f"after {changes.before} " if changes.before else ""
    console.print(f"[bold]{since}up to {changes.run_id}[/]", highlight=False, soft_wrap=True)
    before, now = changes.models
    if before and before != now:
        console.print(f"model {now} instead of {before}", highlight=False, soft_wrap=True)
    console.print(f"{changes.created:,} new customers", highlight=False)
    for said in changes.left_out:
        console.print(said, highlight=False, soft_wrap=True)
    counts = changes.counts()
    if not counts:
        console.print("no standing customer was merged, split or given another id")
    for event, words in WORDS.items():
        told = [change for change in changes.changes if change.event == event]
        if not told:
            continue
        console.print()
        console.print(f"[bold]{len(told):,} {words}[/]", highlight=False)
        for change in told if everything else told[:_LISTED]:
            for line in change_lines(change):
                console.print(f"  {line}", highlight=False, soft_wrap=True)
        if len(told) > _LISTED and not everything:
            console.print(f"  … and {len(told) - _LISTED:,} more: --all lists them")
