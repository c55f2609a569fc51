"""Precision and recall on pairs that people judged, each counted by how it was drawn, else by its band of weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import duckdb

from pipelines.labels import Labels, pair_of
from pipelines.model_report.intervals import share_of_first, weighed_share, weighted_sum, wilson
from pipelines.model_report.report import Band, Interval, LabelledBand, Measured
from profile_service.labels import Label

Work = duckdb.DuckDBPyConnection
_EDGES = (-inf, -10.0, -6.0, -3.0, 0.0, 3.0, 6.0, 10.0, 15.0, inf)


@dataclass(frozen=True)
class Told:
    """What labels on a pair agree on, and how the pair was drawn to be judged: ``chance`` None where nobody drew it."""

    same: bool
    stratum: str | None = None
    chance: float | None = None


@dataclass(frozen=True)
class _Judged:
    """A pair with a label, its weight in bits (None: no rule found it), and whether it is one customer.

    ``binding``: clusters obey a judgement on just this pair.
    """

    told: Told
    bits: float | None
    inside: bool
    binding: bool


@dataclass(frozen=True)
class _Part:
    """Pairs that labels were given on alike, inside customers or across two: how many, and who is one person."""

    inside: bool
    pairs: float
    share: Interval


def agreed(labels: Sequence[Label]) -> dict[tuple[str, str], Told]:
    """Each pair of which labels say one thing, and not that they cannot say."""
    return {pair: told for pair, told in _by_pair(labels).items() if isinstance(told, Told)}


def _by_pair(labels: Sequence[Label]) -> dict[tuple[str, str], Told | str]:
    """Of each pair what is told, or the word for why it is nothing: ``unsure`` or ``contradicted``."""
    on: dict[tuple[str, str], list[Label]] = {}
    for label in labels:
        on.setdefault(pair_of(label), []).append(label)
    found: dict[tuple[str, str], Told | str] = {}
    for pair, mine in on.items():
        said = {label.verdict for label in mine} - {"unsure"}
        if len(said) != 1:
            found[pair] = "contradicted" if said else "unsure"
            continue
        drawn = [(each.stratum, each.sampling_probability) for each in mine if each.sampling_probability is not None]
        found[pair] = Told("same" in said, *(drawn[0] if drawn else ()))
    return found


def measure_labels(work: Work, known: Labels, clusters: str, counted: Counted) -> Measured:
    """What labels say of the clusters in relation ``clusters(rid, cluster)`` and of the scored pairs.

    Labels with a sampling probability measure by it, stratum by stratum (Horvitz and Thompson 1952). Only where none
    has one, all do by bands of weight, each counted by how many pairs it has.
    """
    verdicts = _by_pair(known.labels)
    told = {pair: found for pair, found in verdicts.items() if isinstance(found, Told)}
    pairs = _look_up(work, told, clusters)
    free = [pair for pair in pairs if not pair.binding]
    drawn = [pair for pair in free if pair.told.chance is not None]
    parts = list(_parts_drawn(drawn, known.strata) if drawn else _parts_by_band(free, counted))
    inside = [(part.pairs, part.share) for part in parts if part.inside]
    across = [(part.pairs, part.share) for part in parts if not part.inside]
    covered = sum(there for there, _ in inside)
    covered_too = sum(there for there, _ in across)
    return Measured(
        labels=len(known.labels),
        same=sum(each.same for each in told.values()),
        different=sum(not each.same for each in told.values()),
        unsure=sum(found == "unsure" for found in verdicts.values()),
        unknown=len(told) - len(pairs),
        contradicted=sum(found == "contradicted" for found in verdicts.values()),
        binding=len(pairs) - len(free),
        never_met=sum(pair.told.same and pair.bits is None and not pair.inside for pair in free),
        bands=tuple(_labelled_bands(pairs, counted)),
        precision=weighted_sum([(there / covered, share) for there, share in inside]) if covered else None,
        precision_covers=min(covered / counted.linked, 1.0) if counted.linked else 0.0,
        recall=share_of_first(weighted_sum(inside), weighted_sum(across)) if parts else None,
        recall_covers=min((covered + covered_too) / counted.all, 1.0) if counted.all else 0.0,
        drawn=len(drawn),
        undrawn=len(free) - len(drawn) if drawn else 0,
    )


def _parts_drawn(drawn: Sequence[_Judged], strata: Mapping[str | None, float]) -> Iterator[_Part]:
    """Each stratum, counted by its pairs and split by what is one customer now, as its labels are."""
    for stratum in dict.fromkeys(pair.told.stratum for pair in drawn):
        mine = [(pair, 1 / pair.told.chance) for pair in drawn if pair.told.stratum == stratum and pair.told.chance]
        stands_for = sum(weight for _, weight in mine)
        there = max(strata.get(stratum, stands_for), float(len(mine)))
        for inside in (True, False):
            some = [(pair.told.same, weight) for pair, weight in mine if pair.inside == inside]
            if some:
                count = there * sum(weight for _, weight in some) / stands_for
                yield _Part(inside, count, weighed_share(some, count))


def _parts_by_band(free: Sequence[_Judged], counted: Counted) -> Iterator[_Part]:
    cells = [_Cell(low, high, inside) for low, high in pairwise(_EDGES) for inside in (True, False)]
    for cell in (*cells, _UNSCORED):
        share = cell.share(free)
        if share is not None:
            yield _Part(cell.inside, float(counted.pairs(cell)), share)


def _labelled_bands(pairs: Sequence[_Judged], counted: Counted) -> Iterator[LabelledBand]:
    for low, high in pairwise(_EDGES):
        mine = [pair for pair in pairs if pair.bits is not None and low <= pair.bits < high]
        labelled = [pair.told.same for pair in mine]
        there, same = counted.band(low, high)
        drawn = [(pair.told.same, 1 / pair.told.chance) for pair in mine if pair.told.chance]
        # a label that nobody drew stands for nobody knows how many pairs
        share = weighed_share(drawn, max(there, len(drawn))) if drawn else None
        yield LabelledBand(
            low=None if low == -inf else low,
            high=None if high == inf else high,
            pairs=there,
            labelled=len(labelled),
            same=sum(labelled),
            share=share or (wilson(sum(labelled), len(labelled)) if labelled else None),
            expected=same / there if there else None,
        )


@dataclass(frozen=True)
class _Cell:
    """Pairs of one band of weight, inside customers or across two; ``low`` None: those that no rule found."""

    low: float | None
    high: float
    inside: bool

    def share(self, pairs: Sequence[_Judged]) -> Interval | None:
        mine = [pair.told.same for pair in pairs if pair.inside == self.inside and self._holds(pair.bits)]
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


def _look_up(work: Work, told: Mapping[tuple[str, str], Told], clusters: str) -> list[_Judged]:
    """The labelled pairs of which both records are there."""
    work.execute("CREATE OR REPLACE TEMP TABLE told (l VARCHAR, r VARCHAR, place INTEGER)")
    columns = {"l": [pair[0] for pair in told], "r": [pair[1] for pair in told], "place": list(range(len(told)))}
    work.execute(
        "INSERT INTO told SELECT unnest($l::VARCHAR[]), unnest($r::VARCHAR[]), unnest($place::INTEGER[])", columns
    )
    rows = work.execute(
        f"""WITH named AS (
            SELECT rid, channel || ':' || source_record_id AS name FROM records
            WHERE channel || ':' || source_record_id IN (SELECT l FROM told UNION ALL SELECT r FROM told)),
        placed AS (
            SELECT least(a.rid, b.rid) AS l, greatest(a.rid, b.rid) AS r, t.place
            FROM told t JOIN named a ON a.name = t.l JOIN named b ON b.name = t.r)
        SELECT p.place, s.bits, a.cluster = b.cluster, j.l IS NOT NULL
        FROM placed p JOIN {clusters} a ON a.rid = p.l JOIN {clusters} b ON b.rid = p.r
        LEFT JOIN scored_pairs s ON s.l = p.l AND s.r = p.r LEFT JOIN obeyed j ON j.l = p.l AND j.r = p.r
        ORDER BY p.place"""
    ).fetchall()
    work.execute("DROP TABLE told")
    said = list(told.values())
    return [_Judged(said[place], *row) for place, *row in rows]
