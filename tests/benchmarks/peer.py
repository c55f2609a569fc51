"""What every peer does alike: read the landing, link, save what it found, say how many seconds each phase took.

A peer is a script, ``python -m tests.benchmarks.NAME_peer LANDING [--channels FILE] --out FOLDER [--truth FILE]``. The
process ends when the pairs are saved, so that its memory is that of linking; judging happens elsewhere.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from tests.benchmarks.commands import processor_seconds
from tests.benchmarks.judge import Floats, Integers
from tests.benchmarks.people import People, clean, live, read

# The same for all peers that block by equal values. Each name alone is too wide for many records.
RULES = (
    ("email",),
    ("phone",),
    ("loyalty_id",),
    ("given_name", "family_name"),
    ("family_name", "birth_date"),
    ("given_name", "birth_date"),
    ("family_name", "postcode"),
    ("given_name", "postcode"),
    ("birth_date", "postcode"),
    ("street", "postcode"),
    ("birth_date", "birth_place"),
    ("family_name", "birth_place"),
)
WIDE_RULES = (("given_name",), ("family_name",), ("birth_date",), ("postcode",))
MOST_FOR_WIDE = 20_000  # records


@dataclass(frozen=True)
class Linked:
    """Scored pairs (places in ``people``), or clusters by threshold where the peer clusters by itself.

    ``rules``: the blocking rules that made the pairs, where not all of these are kept.
    """

    left: Integers
    right: Integers
    score: Floats
    thresholds: tuple[float, ...]
    clusters: Mapping[float, Integers] = field(default_factory=dict)
    rules: tuple[tuple[str, ...], ...] = ()


class Watch:
    """Wall seconds, and processor seconds of this process and its children, by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begun, used = time.perf_counter(), processor_seconds()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 3)
        self.processor[name] = round(processor_seconds() - used, 2)


Link = Callable[[People, Watch, Path], Linked]


def rules_for(people: People, wide: bool) -> list[tuple[str, ...]]:
    """The blocking rules that the filled fields allow; the ``wide`` ones too on small data."""
    return live((*RULES, *(WIDE_RULES if wide and people.count <= MOST_FOR_WIDE else ())), people.fields)


def main(link: Link, about: str | None) -> None:
    """Run one peer; ``link`` is given people, a watch and the truth, which only a peer that needs labels may read."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("landing", type=Path)
    parser.add_argument("--channels", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    watch, connection = Watch(), duckdb.connect()
    with watch.phase("read"):
        read(connection, asked.landing, asked.channels)
    with watch.phase("clean"):
        people = clean(connection)
    linked = link(people, watch, asked.truth or asked.landing / "truth.csv")
    save(people, linked, asked.out)
    json.dump({"seconds": watch.seconds, "processor": watch.processor}, sys.stdout)
    print()


def save(people: People, linked: Linked, out: Path) -> None:
    """Write keys.parquet, people's rules as rules.json and the arrays as linked.npz."""
    out.mkdir(parents=True, exist_ok=True)
    people.connection.execute(
        "COPY (SELECT channel, source_record_id FROM people ORDER BY unique_id) TO '"
        + str(out / "keys.parquet").replace("'", "''")
        + "' (FORMAT parquet)"
    )
    (out / "rules.json").write_text(json.dumps(linked.rules), encoding="utf-8")
    np.savez(
        out / "linked.npz",
        left=linked.left,
        right=linked.right,
        score=linked.score,
        thresholds=np.array(linked.thresholds),
        **{f"clusters_{threshold}": labels for threshold, labels in linked.clusters.items()},
    )


def load(out: Path) -> Linked:
    """What ``save`` wrote."""
    with np.load(out / "linked.npz") as held:
        thresholds = tuple(float(each) for each in held["thresholds"])
        return Linked(
            left=held["left"],
            right=held["right"],
            score=held["score"],
            thresholds=thresholds,
            clusters={each: held[f"clusters_{each}"] for each in thresholds if f"clusters_{each}" in held},
            rules=tuple(tuple(rule) for rule in json.loads((out / "rules.json").read_text(encoding="utf-8"))),
        )
