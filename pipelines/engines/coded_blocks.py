"""Candidate pairs from integer codes: records are sorted by each rule's key, and neighbours of one key are paired."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipelines.block import SAMPLED_PAIRS, rules_beyond_budget
from pipelines.engines.coded_levels import Sides
from pipelines.engines.coded_records import ODD, CodedRecords, Codes, Rids, begins
from pipelines.work import PRIVATE
from profile_service.identity.blocking_rule import BlockingRule
from profile_service.identity.mixture import Integers
from profile_service.identity.model import Model
from profile_service.identity.records import DERIVED_FROM

_THREADS = 2
_RECORDS_A_BUCKET = 2_000_000  # their pairs, as all rules find them, take about a third of a gigabyte


def pair_records(records: CodedRecords, model: Model, spill: str) -> Iterator[tuple[Integers, Integers]]:
    """Every pair that shares a live key of any live rule, once, smaller rid on the left, in the order of the left.

    Comes as arrays of left and right rids, shape (pairs,) each, one for each bucket of left rids. Pairs of many
    buckets wait in files in folder ``spill``, so that memory does not grow with their number.
    """
    cap = model.blocking_cap
    wider = wider_rules(model.live_rules)
    leave_to: dict[str, _Found] = {}
    with _Buckets(records.size, spill) as buckets, ThreadPoolExecutor(_THREADS) as pool:

        def pairs_of(rule: BlockingRule) -> list[list[Integers]]:
            key = _key(records, rule)
            runs = _runs(key, cap)
            if rule.name in wider:
                runs = runs.without(leave_to[wider[rule.name]])
            elif rule.name in wider.values():
                leave_to[rule.name] = _Found(key, runs.live(records.size))
            return buckets.apart(_neighbours(runs, cap))

        # first those that leave no pairs to others
        for leaves in (False, True):
            for found in pool.map(pairs_of, [rule for rule in model.live_rules if (rule.name in wider) == leaves]):
                buckets.add(found)
        leave_to.clear()
        # one bucket after the other where they wait in files
        each = pool.map if buckets.in_memory else map
        yield from each(_once, buckets.each())


def _once(bucket: list[Integers]) -> tuple[Integers, Integers]:
    """The left and right rids of packed pairs, each pair once, in the order of the left; the bucket is emptied."""
    packed = np.concatenate([np.zeros(0, dtype=np.int64), *bucket])
    bucket.clear()
    packed.sort()
    once = packed[begins(packed)]
    return once >> 32, once & 0xFFFFFFFF


def _key(records: CodedRecords, rule: BlockingRule) -> Codes:
    """The key of each record under a rule by rid, 0 where a column is missing."""
    key = records[rule.key[0]]
    for column in rule.key[1:]:
        further = records[column]
        key = np.where((key != 0) & (further != 0), key * ODD + further, np.uint64(0))
    return key


@dataclass(frozen=True)
class _Found:
    """What a rule finds: the key of each record by rid, and whether it is live."""

    key: Codes
    live: NDArray[np.bool_]


@dataclass(frozen=True)
class _Runs:
    """The rids that have a key, in the order of keys; their keys; where each one's run ends; and where runs start.

    A run of more than the cap ends before it begins.
    """

    rids: Rids
    key: Codes
    end: Rids
    starts: Rids

    def live(self, records: int) -> NDArray[np.bool_]:
        """Whether the key of each record by rid is live, shape (records,)."""
        live = np.zeros(records, dtype=bool)
        live[self.rids[self.end > 0]] = True
        return live

    def without(self, found: _Found) -> _Runs:
        """The same without the runs whose members all share a live key of another rule."""
        if not len(self.starts):
            return self
        # inside a run each like the one before it
        alike = ~begins(found.key[self.rids])
        alike[self.starts] = True
        theirs = np.logical_and.reduceat(alike & found.live[self.rids], self.starts)
        sizes = np.diff(self.starts, append=len(self.key))
        return replace(self, end=np.where(np.repeat(theirs, sizes), 0, self.end))


def _runs(key: Codes, cap: int) -> _Runs:
    """The runs of a key by rid."""
    rids = np.nonzero(key)[0]
    key = key[rids]
    by_key = np.argsort(key)
    key = key[by_key]
    starts = np.nonzero(begins(key))[0]
    sizes = np.diff(starts, append=len(key))
    return _Runs(rids[by_key], key, np.repeat(np.where(sizes <= cap, starts + sizes, 0), sizes), starts)


def wider_rules(rules: Sequence[BlockingRule]) -> dict[str, str]:
    """Rule = a rule that finds nearly all of its pairs, too: whose key follows from its own (a mailbox from an e-mail).

    It only says which rule to ask: whether that one has found the pairs of a key is looked at key by key.
    """
    follows = {
        rule.name: [other for other in rules if other is not rule and _follows(other.key, rule)] for rule in rules
    }
    widest = {name: [each.name for each in others if not follows[each.name]] for name, others in follows.items()}
    return {name: wider[0] for name, wider in widest.items() if wider}


def _follows(key: Sequence[str], rule: BlockingRule) -> bool:
    """Whether who agrees on the key of ``rule`` agrees on ``key``, names in each other's place left aside."""
    whole = {part for part in rule.key if part in rule.columns}
    known = whole.union(*(DERIVED_FROM.get(column, ()) for column in whole))
    return all(part in rule.key or part.partition(":")[0] in known for part in key)


def _neighbours(runs: _Runs, cap: int, taken: NDArray[np.bool_] | None = None) -> list[Integers]:
    """Every two of a run, each packed into one number: left rid × 2³² + right rid; ``taken`` names members of runs."""
    rids = runs.rids
    at = np.arange(len(rids)) if taken is None else np.nonzero(taken)[0]
    end = runs.end[at]
    found = []
    for step in range(1, cap):
        kept = at + step < end
        at, end = at[kept], end[kept]
        if not len(at):
            break
        one, other = rids[at], rids[at + step]
        found.append(np.minimum(one, other) << 32 | np.maximum(one, other))
    return found


def too_wide(records: CodedRecords, model: Model, count: int) -> list[str]:
    """The wide rules that find too many pairs of their own among ``count`` records; see ``block.too_wide``."""
    cap = model.blocking_cap
    return rules_beyond_budget(model, count, lambda rule, taken: _own_pairs(records, rule, taken, cap))


def _own_pairs(records: CodedRecords, rule: BlockingRule, others: Sequence[BlockingRule], cap: int) -> int:
    """How many pairs ``rule`` finds that none of ``others`` does, counted on a sample of its keys where it has many."""
    runs = _runs(_key(records, rule), cap)
    step = max(1, int(np.maximum(runs.end - np.arange(len(runs.end)) - 1, 0).sum()) // SAMPLED_PAIRS)
    packed = np.concatenate([np.zeros(0, dtype=np.int64), *_neighbours(runs, cap, runs.key % np.uint64(step) == 0)])
    found = found_again(Sides(records, packed >> 32, packed & 0xFFFFFFFF), others)
    return int(np.count_nonzero(~found)) * step


def found_again(pairs: Sides, rules: Sequence[BlockingRule]) -> NDArray[np.bool_]:
    """Which pairs any of some rules finds, however many records hold the key."""
    found = np.zeros(len(pairs.left), dtype=bool)
    for rule in rules:
        # what is found needs no further looking for
        at = np.nonzero(~found)[0]
        for column in rule.key:
            at = at[pairs.at(at).same(column)]
        found[at] = True
    return found


class _Buckets:
    """Packed pairs by their left rid: two buckets in memory, or many, each in a file."""

    def __init__(self, records: int, spill: str) -> None:
        count = 1 + records // _RECORDS_A_BUCKET
        self.in_memory = count == 1
        # of two records it is the smaller rid that is the left one: half of all pairs have one of the first .3
        begins = [int(0.3 * records)] if self.in_memory else [-(-records // count) * at for at in range(1, count)]
        self._bounds = [0, *(begin << 32 for begin in begins), np.iinfo(np.int64).max]
        self._kept: list[list[Integers]] = [[] for _ in self._bounds[1:]]
        self._files: list[BinaryIO] = []
        self._open = ExitStack()
        if not self.in_memory:
            Path(spill).mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            for _ in self._kept:
                file = tempfile.TemporaryFile(dir=spill)  # noqa: SIM115 -- closed with the others
                self._files.append(self._open.enter_context(file))

    def __enter__(self) -> _Buckets:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def apart(self, found: Sequence[Integers]) -> list[list[Integers]]:
        """The pairs of each bucket."""
        return [
            [pairs[(pairs >= least) & (pairs < beyond)] for pairs in found]
            for least, beyond in zip(self._bounds[:-1], self._bounds[1:], strict=True)
        ]

    def add(self, parts: Sequence[Sequence[Integers]]) -> None:
        """Keep what ``apart`` has told apart."""
        for number, pairs in enumerate(parts):
            if self.in_memory:
                self._kept[number].extend(pairs)
            else:
                for some in pairs:
                    some.tofile(self._files[number])

    def each(self) -> Iterator[list[Integers]]:
        """Each bucket's pairs."""
        if self.in_memory:
            yield from self._kept
        for file in self._files:
            file.flush()
            file.seek(0)
            yield [np.fromfile(file, dtype=np.int64)]
