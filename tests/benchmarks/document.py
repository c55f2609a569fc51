"""Results as Markdown: the tables of docs/benchmarks.md, written between marks so that the words around them stay."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import log
from pathlib import Path

from tests.benchmarks.commands import ROOT
from tests.benchmarks.results import Result

DOCUMENT = ROOT / "docs" / "benchmarks.md"
TITLES: Mapping[str, str] = {
    "ours": "**this project**",
    "splink": "Splink",
    "dedupe": "dedupe",
    "recordlinkage": "recordlinkage",
    "rules": "match keys",
}
INPUT_TITLES: Mapping[str, str] = {
    "simulated-10k": "an invented retailer, 10,000",
    "simulated-100k": "an invented retailer, 100,000",
    "simulated-1m": "an invented retailer, 1,000,000",
    "simulated-10m": "an invented retailer, 10,000,000",
}
_NOTHING = "–"
_UNMEASURED = "Not measured here yet."
_BILLION = 10**9
_LEAST_TO_CARRY_ON = 900_000  # below, what does not grow at all is most of a run
Column = tuple[str, Callable[[Result], str]]


def _measure(result: Result, by: str, name: str) -> str:
    return f"{result[by][name]:.3f}"


COLUMNS: Sequence[Column] = (
    ("linking, s", lambda result: f"{result['linking_seconds']:.1f}"),
    ("processor", lambda result: f"{result['linking_processor']:.1f}"),
    ("files to clusters, s", lambda result: f"{result['to_clusters_seconds']:.1f}"),
    ("processor", lambda result: f"{result['to_clusters_processor']:.1f}"),
    ("peak memory, GB", lambda result: f"{result['peak_gb']:.2f}"),
    ("candidate pairs", lambda result: f"{result['candidate_pairs']:,}"),
    ("pair completeness", lambda result: f"{result['pair_completeness']:.3f}"),
    ("F1 over pairs", lambda result: _measure(result, "pairwise", "f1")),
    ("precision", lambda result: _measure(result, "pairwise", "precision")),
    ("recall", lambda result: _measure(result, "pairwise", "recall")),
    ("B-cubed F1", lambda result: _measure(result, "bcubed", "f1")),
    ("largest cluster", lambda result: f"{result['largest_cluster']:,}"),
)


def filled(text: str, parts: Mapping[str, str]) -> str:
    """The text with each part between its marks ``<!-- NAME -->`` and ``<!-- /NAME -->``; raises KeyError without."""
    for name, part in parts.items():
        marks = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
        if not marks.search(text):
            raise KeyError(f"there is no place for {name}: add <!-- {name} --> and <!-- /{name} -->")
        text = marks.sub(lambda found, said=part: f"{found[1]}\n{said}\n\n{found[2]}", text)
    return text


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, every column but the first to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def contenders_table(results: Sequence[Result]) -> str:
    """One input: a row a contender, a column a figure; one that was stopped says why and nothing else."""
    if not results:
        return _UNMEASURED
    rows = []
    for result in results:
        over = result.get("over")
        figures = [over or "", *[_NOTHING] * (len(COLUMNS) - 1)] if over else [each(result) for _, each in COLUMNS]
        rows.append([TITLES[result["who"]], *figures])
    return table(["", *(name for name, _ in COLUMNS)], rows)


def f1_table(results: Sequence[Result], by: str) -> str:
    """A row an input, a column a contender, the best in bold; who was stopped says of what.

    ``by`` is ``pairwise`` or ``bcubed``.
    """
    whos = [who for who in TITLES if any(result["who"] == who for result in results)]
    rows = []
    for of in dict.fromkeys(result["of"] for result in results):
        mine = {result["who"]: result for result in results if result["of"] == of}
        measured = {who: result[by]["f1"] for who, result in mine.items() if "over" not in result}
        best = max(measured.values(), default=0.0)
        records = next((f"{result['records']:,}" for result in mine.values() if "over" not in result), _NOTHING)
        stopped = {who: result["over"] for who, result in mine.items() if "over" in result}
        told = {who: f"**{f1:.4f}**" if f1 == best else f"{f1:.4f}" for who, f1 in measured.items()} | stopped
        figures = [told.get(who, _NOTHING) for who in whos]
        rows.append([INPUT_TITLES.get(of, of).split(",")[0], records, *figures])
    return table(["", "records", *(TITLES[who] for who in whos)], rows)


def beside_splink(ours: Result, splink: Result) -> str:
    """How much of Splink's time this project took, of the processor / on the clock, in one sentence."""

    def share(what: str, of: str) -> str:
        return " / ".join(f"{ours[f'{what}_{each}'] / splink[f'{of}_{each}']:.2f}" for each in ("processor", "seconds"))

    return (
        f"- At {ours['records']:,} records linking takes {share('linking', 'linking')} of Splink's time, files to "
        f"clusters {share('to_clusters', 'to_clusters')}, and the whole run {share('whole', 'to_clusters')} of what "
        f"Splink takes to its clusters: {ours['whole_processor']:.1f} processor seconds, {ours['whole_seconds']:.1f} s "
        f"on the clock, with events, ids, golden records, the audited warehouse and what the service reads."
    )


def machine_line(results: Sequence[Result]) -> str:
    """What it was measured on and when; several machines are told one by one."""
    lines = []
    for machine in {repr(result["machine"]): result["machine"] for result in results}.values():
        mine = [result for result in results if result["machine"] == machine]
        packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
        days = sorted({result["when"].split()[0] for result in mine})
        # a peer does not change with the program's commit
        commits = ", ".join(dict.fromkeys(result["commit"] for result in mine if result["who"] == "ours"))
        lines.append(
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, "
            f"Python {machine['python']}; {packages}. Measured on {' and '.join(days)}"
            + (f", this project at commit {commits}." if commits else ".")
        )
    return "\n".join(lines)


def growth_table(runs: Sequence[Result]) -> str:
    """A row a size: a whole run, the same again, ten thousand records added."""
    header = (
        "records", "whole run, s", "linking, s", "processor, s", "peak memory, GB", "pairs a record",
        "the same again, s", "10,000 more, s", "of them linking, s",
    )  # fmt: skip
    rows = [
        [
            f"{run['records']:,}", f"{run['whole_seconds']:.1f}", f"{run['linking_seconds']:.1f}",
            _figure(run.get("whole_processor")), f"{run['peak_gb']:.2f}",
            f"{run['candidate_pairs'] / run['records']:.2f}",
            *(_figure(run.get(name)) for name in ("again_seconds", "added_seconds", "added_linking_seconds")),
        ]
        for run in runs
    ]  # fmt: skip
    return table(header, rows)


def stages_table(runs: Sequence[Result]) -> str:
    """A row a stage: processor seconds at each size, and the power of records they grew with between the last two."""
    stages = list(dict.fromkeys(stage for run in runs for stage in by_stage(run)))
    rows = []
    for stage in stages:
        seconds = [by_stage(run).get(stage) for run in runs]
        rows.append(
            [stage, *(f"{each:.2f}" if each is not None else _NOTHING for each in seconds), _power(runs, seconds)]
        )
    return table(["stage", *(f"{run['records']:,}" for run in runs), "grows as"], rows)


def billion(runs: Sequence[Result]) -> str:
    """What the last two sizes say of a billion records, if nothing changed its ways on the way there."""
    if len(runs) < 2 or runs[-1]["records"] < _LEAST_TO_CARRY_ON:
        return _UNMEASURED
    before, last = runs[-2:]
    power = max(1.0, log(_whole(last) / _whole(before)) / log(last["records"] / before["records"]))
    factor = _BILLION / last["records"]
    hours = [_whole(last) * times / 3600 for times in (factor, factor**power)]
    slope = (last["peak_gb"] - before["peak_gb"]) / (last["records"] - before["records"])
    memory = last["machine"]["memory_gb"]
    full = last["records"] + (memory - last["peak_gb"]) / slope if slope > 0 else _BILLION
    pairs = [run["candidate_pairs"] / run["records"] for run in (before, last)]
    return (
        f"From {before['records']:,} to {last['records']:,} records the processor seconds of a whole run grew as "
        f"n^{power:.2f}, candidate pairs from {pairs[0]:.1f} to {pairs[1]:.1f} a record, memory by "
        f"{slope * 1e6:.1f} GB a million records. A billion is {factor:,.0f} times the last size: {hours[0]:,.0f} "
        f"processor hours in proportion, {hours[1]:,.0f} by that power, and {slope * _BILLION:,.0f} GB of memory; the "
        f"{memory} GB of this machine would be full at {full / 1e6:,.0f} million records."
    )


def _whole(run: Result) -> float:
    return float(run.get("whole_processor") or run["whole_seconds"])


def by_stage(run: Result) -> Mapping[str, float]:
    """Processor seconds by stage; those on the clock of a run that was taken over without them."""
    found: Mapping[str, float] = run.get("processor") or run["seconds"]
    return found


def _power(runs: Sequence[Result], seconds: Sequence[float | None]) -> str:
    if len(runs) < 2 or not seconds[-1] or not seconds[-2]:
        return _NOTHING
    power = log(seconds[-1] / seconds[-2]) / log(runs[-1]["records"] / runs[-2]["records"])
    return f"n^{power:.2f}"


def _figure(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}"


def write(parts: Mapping[str, str], document: Path = DOCUMENT) -> None:
    """Put the parts into the document."""
    document.write_text(filled(document.read_text(encoding="utf-8"), parts), encoding="utf-8")
