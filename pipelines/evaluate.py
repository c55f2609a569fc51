"""Every published record is held against the truth: how good the customers are, and what the errors share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.error_kinds import COMPARED, LARGEST_GROUP, ErrorKind, errors_by_kind, total
from pipelines.evaluate_households import household_shares
from pipelines.hidden import hide_keys
from pipelines.terminal import plain
from pipelines.work import whole_number
from profile_service.errors import NotFound, UnusableInput
from profile_service.store.generation import standing_generation

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_TRUTH_COLUMNS = ("channel", "source_record_id", "person_id")
_NAMED = 5
_WIDEST = 96


@dataclass(frozen=True)
class Measure:
    """Precision, recall and F1, each between 0 and 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean; 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def as_json(self) -> dict[str, float]:
        """The three figures."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True)
class Unmatched:
    """Records that only one side knows: how many, and the names of the first."""

    count: int
    first: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """What a truth says of the published customers; counts of records and of pairs of records.

    ``not_named``: in words, how many erased people's records are counted and not named; empty where nobody's are.
    """

    records: int
    pairwise: Measure
    bcubed: Measure
    largest_cluster: int
    largest_person: int
    true_pairs: int
    found_pairs: int
    missed: Sequence[ErrorKind]
    false: Sequence[ErrorKind]
    not_published: Unmatched
    not_in_truth: Unmatched
    rejected_rows: int
    households: Measure | None = None
    not_named: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The figures that other programs rely on."""
        homes = {"households": self.households.as_json()} if self.households else {}
        return {
            "records": self.records,
            "pairwise": self.pairwise.as_json(),
            "bcubed": self.bcubed.as_json(),
            "largest_cluster": self.largest_cluster,
        } | homes


def evaluate(truth: Path, data_dir: Path, homes: Path | None = None, ledger: str | Path | None = None) -> Evaluation:
    """Compare the standing generation in ``data_dir`` with ``truth`` (CSV: channel, source_record_id, person_id).

    ``homes`` (CSV: person_id, household_id) says who lives together, for measuring ``customer_households``.
    Only records that both sides know are measured; the others are counted and the first of them named, but for those
    of people whom ``ledger`` (its path or URL, None for the one in ``data_dir``) knows to be erased. Raises
    UnusableInput when the truth cannot be read or no record is known to both, NotFound when nothing is published,
    LedgerUnavailable when the ledger cannot be read.
    """
    generation = standing_generation(data_dir)
    if generation is None:
        raise NotFound(f"nothing is published in {data_dir} yet: run `profiles run LANDING` first")
    with duckdb.connect() as desk:
        desk.execute(f"ATTACH {_text(generation.warehouse)} AS published (READ_ONLY)")
        _read_truth(desk, truth)
        not_named = hide_keys(desk, generation, data_dir, ledger)
        scored = _work_store(desk, data_dir)
        _hold_together(desk, scored is not None)
        records = whole_number(desk, "SELECT count(*) FROM held")
        if not records:
            raise UnusableInput(f"no record of {truth} is published in {data_dir}: is it the truth of another landing?")
        true_pairs, found_pairs, both = _pairs(desk)
        return Evaluation(
            records=records,
            pairwise=_pairwise(true_pairs, found_pairs, both),
            bcubed=_bcubed(desk, records),
            largest_cluster=whole_number(desk, "SELECT max(n) FROM clusters"),
            largest_person=whole_number(desk, "SELECT max(n) FROM persons"),
            true_pairs=true_pairs,
            found_pairs=found_pairs,
            missed=errors_by_kind(desk, "missed", scored),
            false=errors_by_kind(desk, "false", scored),
            not_published=_unmatched(desk, "truth", "published.customer_records"),
            not_in_truth=_unmatched(desk, "published.customer_records", "truth"),
            rejected_rows=whole_number(desk, "SELECT count(*) FROM published.rejected_rows WHERE kind = 'customers'"),
            households=Measure(*household_shares(desk, homes)) if homes else None,
            not_named=not_named,
        )


def _read_truth(desk: duckdb.DuckDBPyConnection, truth: Path) -> None:
    try:
        desk.execute(
            f"CREATE TABLE truth AS SELECT {', '.join(_TRUTH_COLUMNS)} FROM read_csv({_text(truth)},"
            " all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')"
        )
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        wanted = ", ".join(_TRUTH_COLUMNS)
        raise UnusableInput(f"{truth} cannot be read as a CSV with the columns {wanted}: {first}") from error
    lacking = " OR ".join(f"{name} IS NULL" for name in _TRUTH_COLUMNS)
    if holes := whole_number(desk, f"SELECT count(*) FROM truth WHERE {lacking}"):
        raise UnusableInput(f"{truth} has {holes:,} rows without one of {', '.join(_TRUTH_COLUMNS)}")
    twice = desk.execute("SELECT channel, source_record_id FROM truth GROUP BY ALL HAVING count(*) > 1").fetchone()
    if twice:
        raise UnusableInput(f"{truth} names the record {twice[0]}:{twice[1]} more than once")


def _work_store(desk: duckdb.DuckDBPyConnection, data_dir: Path) -> str | None:
    """Attach the work store; None while a run has it for itself, or where there is none."""
    path = data_dir / "work" / "pipeline.duckdb"
    if not path.exists():
        return None
    try:
        desk.execute(f"ATTACH {_text(path)} AS work (READ_ONLY)")
    except duckdb.Error:
        return None
    return "work.scored_pairs"


def _hold_together(desk: duckdb.DuckDBPyConnection, with_work: bool) -> None:
    """Tables ``held`` (the records that both sides know) and the sizes of ``clusters``, ``persons`` and ``shared``."""
    rid = "w.rid" if with_work else "0"
    work = "LEFT JOIN work.records w USING (channel, source_record_id)" if with_work else ""
    values = ", ".join(f"p.standard_{name} AS {name}" for name in COMPARED)
    desk.execute(
        f"""CREATE TABLE held AS SELECT {rid} AS rid, channel || ':' || source_record_id AS key,
            key IN (FROM hidden_keys) AS hidden, person_id AS person, customer_id AS cluster, {values}
        FROM published.customer_records p JOIN truth USING (channel, source_record_id) {work}"""
    )
    desk.execute("CREATE TABLE clusters AS SELECT cluster, count(*) AS n FROM held GROUP BY cluster")
    desk.execute("CREATE TABLE persons AS SELECT person, count(*) AS n FROM held GROUP BY person")
    desk.execute("CREATE TABLE shared AS SELECT cluster, person, count(*) AS n FROM held GROUP BY cluster, person")


def _pairs(desk: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    """Pairs of one person, pairs of one customer, and pairs that are both."""
    counts = [
        whole_number(desk, f"SELECT coalesce(sum(n * (n - 1) // 2), 0)::BIGINT FROM {table}")
        for table in ("persons", "clusters", "shared")
    ]
    return counts[0], counts[1], counts[2]


def _pairwise(true_pairs: int, found_pairs: int, both: int) -> Measure:
    """Recordlinkage's measures of the confusion matrix; nothing to find counts as found, nothing found as precise."""
    import numpy as np
    from recordlinkage.measures import precision, recall

    confusion = np.array([[both, true_pairs - both], [found_pairs - both, 0]])
    return Measure(
        precision=precision(confusion) if found_pairs else 1.0,
        recall=recall(confusion) if true_pairs else 1.0,
    )


def _bcubed(desk: duckdb.DuckDBPyConnection, records: int) -> Measure:
    """B-cubed: the mean over records of how much of its customer, and of its person, is rightly with it."""
    row = desk.execute(
        """SELECT sum(s.n * s.n / c.n), sum(s.n * s.n / p.n)
        FROM shared s JOIN clusters c USING (cluster) JOIN persons p USING (person)"""
    ).fetchone()
    assert row is not None
    return Measure(row[0] / records, row[1] / records)


def _unmatched(desk: duckdb.DuckDBPyConnection, one: str, other: str) -> Unmatched:
    count, first = desk.execute(
        f"""SELECT count(*), min(key, {_NAMED}) FILTER (key NOT IN (FROM hidden_keys)) FROM (
            SELECT channel || ':' || source_record_id AS key
            FROM {one} ANTI JOIN {other} USING (channel, source_record_id))"""
    ).fetchall()[0]
    return Unmatched(count, tuple(first or ()))


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print the measures, then the errors by kind with a command that explains one of each."""
    from rich.table import Table

    # wider than a narrow terminal rather than cut off
    console.width = max(console.width, _WIDEST)
    measures = Table(box=None, pad_edge=False, header_style="dim")
    for name in (f"{evaluation.records:,} records", "precision", "recall", "F1"):
        measures.add_column(name, justify="left" if name.endswith("records") else "right")
    rows = (("pairs", evaluation.pairwise), ("B-cubed", evaluation.bcubed), ("households", evaluation.households))
    for name, measure in ((name, measure) for name, measure in rows if measure):
        measures.add_row(name, f"{measure.precision:.4f}", f"{measure.recall:.4f}", f"{measure.f1:.4f}")
    console.print(measures)
    console.print(
        f"largest customer {evaluation.largest_cluster} records, largest person {evaluation.largest_person}; "
        f"{evaluation.true_pairs:,} true pairs, {evaluation.found_pairs:,} found",
        highlight=False,
    )
    both = round(evaluation.pairwise.precision * evaluation.found_pairs)
    for title, pairs, column, kinds in (
        ("missed, by what they share", evaluation.true_pairs - both, "compared", evaluation.missed),
        ("false, by what they share", evaluation.found_pairs - both, "linked", evaluation.false),
    ):
        console.print()
        console.print(_errors(title, column, kinds, pairs) if pairs else f"{title}: none", highlight=False)
    _print_unmatched(evaluation, console)
    for said in evaluation.not_named:
        console.print(f"\n{said}", highlight=False, soft_wrap=True)


def _errors(title: str, candidates: str, kinds: Sequence[ErrorKind], pairs: int) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(title, no_wrap=True)
    table.add_column("pairs", justify="right", no_wrap=True)
    table.add_column(candidates, justify="right", no_wrap=True)
    table.add_column("one of them, for profiles explain", overflow="fold")
    for kind in kinds:
        known = "?" if kind.candidates is None else f"{kind.candidates:,}"
        table.add_row(kind.shared, f"{kind.pairs:,}", known, plain(" ".join(kind.example)))
    if unseen := pairs - total(kinds):
        table.add_row(f"in groups of over {LARGEST_GROUP:,} records", f"{unseen:,}", "?", "")
    table.add_row("all", f"{pairs:,}", "", "", style="bold")
    return table


def _print_unmatched(evaluation: Evaluation, console: Console) -> None:
    gone, unknown = evaluation.not_published, evaluation.not_in_truth
    if gone.count:
        console.print(
            f"\nnot measured: {gone.count:,} records of the truth are not published{_some(gone)}; "
            f"{evaluation.rejected_rows:,} rows were rejected, see rejected_rows",
            highlight=False,
        )
    if unknown.count:
        console.print(
            f"\nnot measured: {unknown.count:,} published records are not in the truth{_some(unknown)}",
            highlight=False,
        )


def _some(records: Unmatched) -> str:
    return f" ({plain(', '.join(records.first))} …)" if records.first else ""
