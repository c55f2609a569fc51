"""Names, blocking keys and scored pairs of everyone as sorted arrays, for finding who is meant and whom one may be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines import block
from pipelines.index_lines import keep_file
from pipelines.merge import RECORDS
from pipelines.relations import IDENTIFIERS
from pipelines.work import whole_number
from profile_service.identity.model import Model
from profile_service.store.generation import ARRAYS
from profile_service.store.linkage import (
    KEY_REFS,
    KEYS,
    PAIR_BITS,
    PAIR_OTHERS,
    PAIR_STARTS,
    RENEWED,
    SINCE,
    WHOLE,
)
from profile_service.store.names import customer_name_sql, name_sql
from profile_service.store.serving import (
    CUSTOMER_NAMES,
    CUSTOMER_NUMBERS,
    IDENTIFIER_HOLDERS,
    IDENTIFIER_NAMES,
    RECORD_NAMES,
    RECORD_REFS,
)

Work = duckdb.DuckDBPyConnection


# Beyond such a share of the records whose keys and pairs are written beside the whole ones, all are written anew.
MOST_RENEWED = 1 / 8
_KINDS = (np.bool_, np.uint64, np.int32, np.int32, np.int32, np.float32)


def write_arrays(work: Work, folder: Path, model: Model, refreshed: Path | None) -> None:
    """Write the arrays of blocking keys, scored pairs and record names into ``folder``, from the work store.

    ``refreshed``: the arrays of the generation that is refreshed: what is of records outside ``merge_records``
    (rid, channel, source_record_id) is taken from there, and its whole keys and pairs are kept by a second name.
    """
    place = folder / ARRAYS
    place.mkdir(exist_ok=True)
    block.keep_keys(work, model)
    renewed = None if refreshed is None else _renewed(work, refreshed)
    if refreshed is not None and renewed is not None:
        for name in WHOLE:
            keep_file(refreshed / f"{name}.npy", place / f"{name}.npy")
        since = _since(work, renewed)
    else:
        # one kind after the other: at ten million records each is half a gigabyte and more
        for arrays in (_keys, _pairs):
            _save(place, arrays(work))
        since = {name: np.zeros(0, kind) for name, kind in zip(SINCE, _KINDS, strict=True)}
    _save(place, since)
    _save(place, _record_names(work, refreshed))


def _save(place: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        np.save(place / f"{name}.npy", array)


def _renewed(work: Work, refreshed: Path) -> NDArray[np.bool_] | None:
    """For each record whether its keys and pairs are to stand beside the whole ones; None: so many that all are anew.

    A pair changes only with a record whose customer has changed, and that is published anew.
    """
    known = np.load(refreshed / f"{RENEWED}.npy") if (refreshed / f"{RENEWED}.npy").exists() else np.zeros(0, np.bool_)
    (changed,) = columns_found(work, f"SELECT rid FROM {RECORDS}")
    records = whole_number(work, "SELECT coalesce(max(rid) + 1, 0) FROM records")
    renewed = np.zeros(max(records, len(known)), np.bool_)
    renewed[: len(known)] = known
    renewed[changed] = True
    return renewed if np.count_nonzero(renewed) <= MOST_RENEWED * len(renewed) else None


def _since(work: Work, renewed: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Keys and pairs of the records that are renewed, see ``linkage``."""
    work.register("rids_renewed", {"rid": np.flatnonzero(renewed).astype(np.int32)})
    work.execute("CREATE OR REPLACE TEMP TABLE renewed AS FROM rids_renewed")
    work.unregister("rids_renewed")
    among = "IN (SELECT rid FROM renewed)"
    new_keys = columns_found(work, f"SELECT key, rid FROM {block.KEYS} WHERE rid {among}")
    left, right, bits = columns_found(work, f"SELECT l, r, bits FROM scored_pairs WHERE l {among} OR r {among}")
    work.execute("DROP TABLE temp.renewed")
    keys, refs = _in_order(*new_keys)
    ends, others = np.concatenate([left, right]), np.concatenate([right, left])
    order = np.argsort(ends)
    return dict(
        zip(SINCE, (renewed, keys, refs, ends[order], others[order], np.concatenate([bits, bits])[order]), strict=True)
    )


def columns_found(work: Work, query: str) -> list[NDArray[Any]]:
    """The columns of a query, none of which has missing values."""
    return [np.ascontiguousarray(np.ma.getdata(column)) for column in work.execute(query).fetchnumpy().values()]


def _keys(work: Work) -> dict[str, NDArray[Any]]:
    keys, refs = _in_order(*columns_found(work, f"SELECT key, rid FROM {block.KEYS}"))
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
    found = _in_order(*columns_found(work, named))
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
    from scipy.sparse import csr_array

    refs = whole_number(work, "SELECT coalesce(max(rid) + 1, 0) FROM records")
    left, right, bits = columns_found(work, "SELECT l, r, bits FROM scored_pairs")
    # counting is ten times as fast as sorting; a pair of no bits is kept, for it is stored as any other
    table = csr_array(
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
    names, refs = _in_order(*columns_found(work, f"SELECT {name_sql('channel', 'source_record_id')}, rid FROM {rows}"))
    if refreshed is not None:
        standing = (np.load(refreshed / f"{RECORD_NAMES}.npy"), np.load(refreshed / f"{RECORD_REFS}.npy"))
        names, refs = _merged((names, refs), standing, refs.astype(np.int64))
    return {RECORD_NAMES: names, RECORD_REFS: refs}


def _in_order(names: NDArray[Any], numbers: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both by the first in ascending order: in whole numbers numpy is faster than a query's ORDER BY."""
    order = np.argsort(names)
    return names[order], numbers[order]
