"""Precision and recall on pairs that people judged, each band of weight counted by how many pairs it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt

import duckdb

from pipelines.labels import Label
from pipelines.model_report.report import Band, Interval, LabelledBand, Measured

Work = duckdb.DuckDBPyConnection
_EDGES = (-inf, -10.0, -6.0, -3.0, 0.0, 3.0, 6.0, 10.0, 15.0, inf)
_CONFIDENCE = 0.95


def wilson(same: int, labelled: int) -> Interval:
    """A share of ``labelled`` pairs with Wilson's (1927) interval, which holds for few pairs and for none or all."""
    from scipy.stats import binomtest  # half a second to load: only where labels are

    limits = binomtest(same, labelled).proportion_ci(_CONFIDENCE, method="wilson")
    return Interval(same / labelled, float(limits.low), float(limits.high))


def weighted_sum(shares: Sequence[tuple[float, Interval]]) -> Interval:
    """A sum of independent shares times their weights, with limits recovered from those of each share.

    The method of variance estimates recovery (Zou and Donner 2008); of one share with weight 1 it is that share.
    """
    value = sum(weight * share.value for weight, share in shares)
    below = sqrt(sum((weight * (share.value - share.low)) ** 2 for weight, share in shares))
    above = sqrt(sum((weight * (share.high - share.value)) ** 2 for weight, share in shares))
    return Interval(value, max(value - below, 0.0), value + above)


def share_of_first(first: Interval, second: Interval) -> Interval | None:
    """``first / (first + second)`` of two independent sums; the limits take each at the limit that matters more.

    None when both are nothing. The worse limit of one goes with the better of the other, which is on the safe side.
    """
    if first.value + second.value <= 0:
        return None

    def share(one: float, other: float) -> float:
        return one / (one + other) if one + other > 0 else 1.0

    return Interval(
        share(first.value, second.value), share(first.low, second.high), min(share(first.high, second.low), 1.0)
    )


@dataclass(frozen=True)
class _Judged:
    """A pair with a label: its verdict, its weight in bits (None: no rule found it), and whether it is one customer.

    ``binding``: clusters obey a judgement on just this pair.
    """

    same: bool
    bits: float | None
    inside: bool
    binding: bool


def measure_labels(work: Work, labels: Sequence[Label], clusters: str, counted: Counted) -> Measured:
    """What labels say of the clusters in relation ``clusters(rid, cluster)`` and of the scored pairs."""
    verdicts: dict[tuple[str, str], set[str]] = {}
    for label in labels:
        verdicts.setdefault(label.pair, set()).add(label.verdict)
    agreed = {pair: said - {"unsure"} for pair, said in verdicts.items()}
    told = {pair: "same" in said for pair, said in agreed.items() if len(said) == 1}
    pairs = _look_up(work, told, clusters)
    free = [pair for pair in pairs if not pair.binding]
    cells = [_Cell(low, high, inside) for low, high in pairwise(_EDGES) for inside in (True, False)]
    weighed = [(cell, counted.pairs(cell), cell.share(free)) for cell in (*cells, _UNSCORED)]
    known = [(cell, pairs_there, share) for cell, pairs_there, share in weighed if share is not None]
    inside = [(float(there), share) for cell, there, share in known if cell.inside]
    across = [(float(there), share) for cell, there, share in known if not cell.inside]
    covered = sum(there for there, _ in inside)
    covered_too = sum(there for there, _ in across)
    return Measured(
        labels=len(labels),
        same=sum(told.values()),
        different=len(told) - sum(told.values()),
        unsure=sum(not said for said in agreed.values()),
        unknown=len(told) - len(pairs),
        contradicted=sum(len(said) > 1 for said in agreed.values()),
        binding=len(pairs) - len(free),
        never_met=sum(pair.same and pair.bits is None and not pair.inside for pair in free),
        bands=tuple(_labelled_bands(pairs, counted)),
        precision=weighted_sum([(there / covered, share) for there, share in inside]) if covered else None,
        precision_covers=covered / counted.linked if counted.linked else 0.0,
        recall=share_of_first(weighted_sum(inside), weighted_sum(across)) if known else None,
        recall_covers=(covered + covered_too) / counted.all if counted.all else 0.0,
    )


def _labelled_bands(pairs: Sequence[_Judged], counted: Counted) -> Iterator[LabelledBand]:
    for low, high in pairwise(_EDGES):
        labelled = [pair.same for pair in pairs if pair.bits is not None and low <= pair.bits < high]
        there, same = counted.band(low, high)
        yield LabelledBand(
            low=None if low == -inf else low,
            high=None if high == inf else high,
            pairs=there,
            labelled=len(labelled),
            same=sum(labelled),
            share=wilson(sum(labelled), len(labelled)) if labelled else None,
            expected=same / there if there else None,
        )


@dataclass(frozen=True)
class _Cell:
    """Pairs of one band of weight, inside customers or across two; ``low`` None: those that no rule found."""

    low: float | None
    high: float
    inside: bool

    def share(self, pairs: Sequence[_Judged]) -> Interval | None:
        mine = [pair.same for pair in pairs if pair.inside == self.inside and self._holds(pair.bits)]
        return wilson(sum(mine), len(mine)) if mine else None

    def _holds(self, bits: float | None) -> bool:
        if self.low is None or bits is None:
            return self.low is bits
        return self.low <= bits < self.high


_UNSCORED = _Cell(None, inf, True)


@dataclass(frozen=True)
class Counted:
    """How many pairs could have labels: the scored ones by band, and those that clusters hold without a score."""

    bands: Sequence[Band]
    unscored: int

    @property
    def linked(self) -> int:
        """Pairs inside customers."""
        return self.unscored + sum(band.inside for band in self.bands)

    @property
    def all(self) -> int:
        """Pairs that are scored or linked."""
        return self.linked + sum(band.across for band in self.bands)

    def pairs(self, cell: _Cell) -> int:
        """Pairs of a cell."""
        if cell.low is None:
            return self.unscored
        return sum(
            band.inside if cell.inside else band.across for band in self.bands if cell.low <= band.bits < cell.high
        )

    def band(self, low: float, high: float) -> tuple[int, float]:
        """Scored pairs of ``low`` to ``high`` bits, and how many of them the model expects to be one person."""
        mine = [band for band in self.bands if low <= band.bits < high]
        return (
            sum(band.inside + band.across for band in mine),
            sum(band.inside_same + band.across_same for band in mine),
        )


def _look_up(work: Work, told: Mapping[tuple[str, str], bool], clusters: str) -> list[_Judged]:
    """The labelled pairs of which both records are there."""
    work.execute("CREATE OR REPLACE TEMP TABLE told (l VARCHAR, r VARCHAR, same BOOLEAN)")
    columns = {"l": [pair[0] for pair in told], "r": [pair[1] for pair in told], "same": list(told.values())}
    work.execute(
        "INSERT INTO told SELECT unnest($l::VARCHAR[]), unnest($r::VARCHAR[]), unnest($same::BOOLEAN[])", columns
    )
    rows = work.execute(
        f"""WITH named AS (
            SELECT rid, channel || ':' || source_record_id AS name FROM records
            WHERE channel || ':' || source_record_id IN (SELECT l FROM told UNION ALL SELECT r FROM told)),
        placed AS (
            SELECT least(a.rid, b.rid) AS l, greatest(a.rid, b.rid) AS r, t.same
            FROM told t JOIN named a ON a.name = t.l JOIN named b ON b.name = t.r)
        SELECT p.same, s.bits, a.cluster = b.cluster, j.l IS NOT NULL
        FROM placed p JOIN {clusters} a ON a.rid = p.l JOIN {clusters} b ON b.rid = p.r
        LEFT JOIN scored_pairs s ON s.l = p.l AND s.r = p.r LEFT JOIN obeyed j ON j.l = p.l AND j.r = p.r"""
    ).fetchall()
    work.execute("DROP TABLE told")
    return [_Judged(*row) for row in rows]
