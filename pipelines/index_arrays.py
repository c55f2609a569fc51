"""Names, blocking keys and scored pairs of everyone as sorted arrays, for finding who is meant and whom one may be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipelines import block
from pipelines.merge import RECORDS
from pipelines.relations import IDENTIFIERS
from pipelines.work import whole_number
from profile_service.identity.model import Model
from profile_service.store.generation import ARRAYS
from profile_service.store.names import customer_name_sql, name_sql
from profile_service.store.serving import (
    CUSTOMER_NAMES,
    CUSTOMER_NUMBERS,
    IDENTIFIER_HOLDERS,
    IDENTIFIER_NAMES,
    KEY_REFS,
    KEYS,
    PAIR_BITS,
    PAIR_OTHERS,
    PAIR_STARTS,
    RECORD_NAMES,
    RECORD_REFS,
)

Work = duckdb.DuckDBPyConnection


def write_arrays(work: Work, folder: Path, model: Model, refreshed: Path | None) -> None:
    """Write the arrays of blocking keys, scored pairs and record names into ``folder``, from the work store.

    ``refreshed``: the arrays of the generation that is refreshed: keys and names of records outside ``merge_records``
    (rid, channel, source_record_id) are taken from there.
    """
    place = folder / ARRAYS
    place.mkdir(exist_ok=True)
    for name, array in _arrays(work, model, refreshed):
        np.save(place / f"{name}.npy", array)


def _arrays(work: Work, model: Model, refreshed: Path | None) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """One kind after the other: at ten million records each is half a gigabyte and more."""
    yield from _keys(work, model, refreshed).items()
    yield from _pairs(work).items()
    yield from _record_names(work, refreshed).items()


def _keys(work: Work, model: Model, refreshed: Path | None) -> dict[str, NDArray[np.generic]]:
    block.keep_keys(work, model)
    rows = block.KEYS if refreshed is None else f"{block.KEYS} SEMI JOIN {RECORDS} USING (rid)"
    columns = work.execute(f"SELECT key, rid FROM {rows}").fetchnumpy()
    keys, refs = _in_order(_plain(columns["key"], np.uint64), _plain(columns["rid"], np.int32))
    if refreshed is not None:
        changed = np.ma.getdata(work.execute(f"SELECT rid FROM {RECORDS}").fetchnumpy()["rid"]).astype(np.int64)
        standing = (np.load(refreshed / f"{KEYS}.npy"), np.load(refreshed / f"{KEY_REFS}.npy"))
        keys, refs = _merged((keys, refs), standing, changed)
    return {KEYS: keys, KEY_REFS: refs}


Keys = tuple[NDArray[np.uint64], NDArray[np.int32]]


def write_identifiers(work: Work, arrays: Path, refreshed: Path | None, gone: list[int]) -> None:
    """Write which customers of ``publish_identifiers`` carry which identifiers into the folder ``arrays``.

    ``refreshed``: the arrays of the generation that is refreshed; ``gone``: numbers of its customers who do not carry
    anything any more.
    """
    named = f"SELECT {name_sql('identifier_type', 'value')} AS name, number FROM {IDENTIFIERS} JOIN index_customers"
    _write_names(work, f"{named} USING (cno)", (IDENTIFIER_NAMES, IDENTIFIER_HOLDERS), arrays, (refreshed, gone))


def write_customers(work: Work, arrays: Path, refreshed: Path | None, gone: list[int]) -> None:
    """Write the numbers of the customers in ``index_customers``; the rest as in ``write_identifiers``."""
    named = f"SELECT {customer_name_sql()} AS name, number FROM index_customers"
    _write_names(work, named, (CUSTOMER_NAMES, CUSTOMER_NUMBERS), arrays, (refreshed, gone))


def _write_names(
    work: Work, named: str, files: tuple[str, str], arrays: Path, before: tuple[Path | None, list[int]]
) -> None:
    """Write the rows (name, number) of a query in the order of their names, among those of the others."""
    columns = work.execute(named).fetchnumpy()
    found = _in_order(_plain(columns["name"], np.uint64), _plain(columns["number"], np.int32))
    refreshed, gone = before
    if refreshed is not None:
        known = (np.load(refreshed / f"{files[0]}.npy"), np.load(refreshed / f"{files[1]}.npy"))
        found = _merged(found, known, np.array(gone, dtype=np.int64))
    for file, array in zip(files, found, strict=True):
        np.save(arrays / f"{file}.npy", array)


def _merged(fresh: Keys, standing: Keys, changed: NDArray[np.int64]) -> Keys:
    """Sorted keys of the changed put among those that the others had: sorting all anew takes ten times as long."""
    known, holders = standing
    stale = np.zeros(int(max(changed.max(initial=0), holders.max(initial=0))) + 1, np.bool_)
    stale[changed] = True
    kept = ~stale[holders]
    known, holders = known[kept], holders[kept]
    places = np.searchsorted(known, fresh[0])
    return np.insert(known, places, fresh[0]), np.insert(holders, places, fresh[1])


def _pairs(work: Work) -> dict[str, NDArray[np.generic]]:
    refs = whole_number(work, "SELECT coalesce(max(rid) + 1, 0) FROM records")
    columns = work.execute("SELECT l, r, bits FROM scored_pairs").fetchnumpy()
    left, right = (_plain(columns[name], np.int32) for name in ("l", "r"))
    bits = _plain(columns["bits"], np.float32)
    # counting is ten times as fast as sorting; a pair of no bits is kept, for it is stored as any other
    table = sparse.csr_array(
        (np.concatenate([bits, bits]), (np.concatenate([left, right]), np.concatenate([right, left]))),
        shape=(refs, refs),
    )
    return {
        PAIR_STARTS: table.indptr.astype(np.int64),
        PAIR_OTHERS: table.indices.astype(np.int32),
        PAIR_BITS: table.data,
    }


def _record_names(work: Work, refreshed: Path | None) -> dict[str, NDArray[np.generic]]:
    """In a refresh those of ``merge_records`` are put among the others': a name never changes its number."""
    rows = "records" if refreshed is None else RECORDS
    columns = work.execute(f"SELECT {name_sql('channel', 'source_record_id')} AS name, rid FROM {rows}").fetchnumpy()
    names, refs = _in_order(_plain(columns["name"], np.uint64), _plain(columns["rid"], np.int32))
    if refreshed is not None:
        standing = (np.load(refreshed / f"{RECORD_NAMES}.npy"), np.load(refreshed / f"{RECORD_REFS}.npy"))
        names, refs = _merged((names, refs), standing, refs.astype(np.int64))
    return {RECORD_NAMES: names, RECORD_REFS: refs}


def _in_order(names: NDArray[Any], numbers: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both by the first in ascending order: in whole numbers numpy is faster than a query's ORDER BY."""
    order = np.argsort(names)
    return names[order], numbers[order]


def _plain(column: NDArray[np.generic], kind: type[np.generic]) -> NDArray[np.generic]:
    """A column without a mask: none of these has missing values."""
    return np.ascontiguousarray(np.ma.getdata(column), dtype=kind)
