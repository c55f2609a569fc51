"""Records and events written as a landing folder, the same bytes for the same records."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from pipelines.simulate.names import Strings
from pipelines.simulate.options import CHANNELS, Dice
from pipelines.simulate.people import People
from pipelines.simulate.records import Records
from pipelines.work import CONTRACT_FIELDS

# how each channel's systems export: mostly CSV, and one of each other kind
CUSTOMER_FILES = {
    "store": "customers.csv",
    "web": "customers.csv",
    "mobile": "customers.jsonl",
    "call_center": "customers.csv.gz",
}
EVENT_FILES = {"store": "events.csv", "web": "events.csv.gz", "mobile": "events.jsonl", "call_center": "events.csv"}
# fields a channel's export has no column for
ABSENT = {
    "store": ("cookie_id", "device_id"),
    "web": ("loyalty_id", "device_id"),
    "mobile": ("cookie_id",),
    "call_center": ("cookie_id", "device_id"),
}
EVENT_TYPES = {
    "store": (("purchase", 0.86), ("return", 0.14)),
    "web": (("page_view", 0.45), ("add_to_basket", 0.20), ("purchase", 0.30), ("newsletter_opened", 0.05)),
    "mobile": (("app_opened", 0.45), ("purchase", 0.25), ("push_opened", 0.20), ("wishlist_added", 0.10)),
    "call_center": (("call", 0.60), ("complaint", 0.20), ("order", 0.20)),
}
_PAID = ("purchase", "return", "order")
_CURRENCIES = {"US": "USD", "GB": "GBP", "CA": "CAD", "DE": "EUR", "FR": "EUR", "ES": "EUR"}
_BEGIN, _SECONDS = np.datetime64("2018-01-01T00:00:00"), 8 * 365 * 86_400
EVENT_COLUMNS = ("event_id", "source_record_id", "event_type", "occurred_at", "amount", "currency")
Row = Sequence[str]


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """A text file, gzipped when its name says so, without a time stamp that would change its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".gz":
        with path.open("w", encoding="utf-8", newline="") as plain:
            yield plain
        return
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8", newline="")
        yield text
        text.flush()
        text.detach()


def write_rows(path: Path, columns: Row, rows: Iterable[Row]) -> None:
    """Rows as CSV or JSON lines, as the name of the file says; JSON leaves empty values out."""
    with _opened(path) as file:
        if ".jsonl" in path.suffixes:
            encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
            file.writelines(
                encode({name: value for name, value in zip(columns, row, strict=True) if value}) + "\n" for row in rows
            )
        else:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)


def _moments(shares: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Strings:
    """Shares of the years kept as RFC 3339."""
    times = _BEGIN + (shares * _SECONDS).astype("timedelta64[s]")
    return np.char.add(np.datetime_as_string(times), "Z").astype(object)


def write_customers(out: Path, records: Records, broken: dict[str, list[Row]]) -> None:
    """Every channel's customer file, sorted by record id; broken rows stand at the end of a channel's file."""
    moments = _moments(records.moment)
    for place, channel in enumerate(CHANNELS):
        rows = np.flatnonzero(records.channel == place)
        rows = rows[np.argsort(records.ids[rows].astype(str), kind="stable")]
        names = customer_columns(channel)
        columns = {"source_record_id": records.ids, **records.fields, "updated_at": moments}
        cells = zip(*(columns[name][rows].tolist() for name in names), strict=True)
        write_rows(out / channel / CUSTOMER_FILES[channel], names, [*cells, *broken.get(channel, [])])


def customer_columns(channel: str) -> tuple[str, ...]:
    """The columns of a channel's customer export."""
    fields = tuple(field for field in CONTRACT_FIELDS if field not in ABSENT[channel])
    return ("source_record_id", *fields, "updated_at")


def write_truth(out: Path, records: Records) -> None:
    """Which person stands behind each record: channel, source_record_id, person_id."""
    channels = np.asarray(CHANNELS, dtype=object)[records.channel]
    persons = [f"P{person:08d}" for person in records.person.tolist()]
    rows = sorted(zip(channels.tolist(), records.ids.tolist(), persons, strict=True))
    write_rows(out / "truth.csv", ("channel", "source_record_id", "person_id"), rows)


def write_households(out: Path, people: People) -> None:
    """Which household each person belongs to: person_id, household_id; most know nobody else at their address."""
    rows = [(f"P{person:08d}", f"H{home:08d}") for person, home in enumerate(people.household.tolist())]
    write_rows(out / "households.csv", ("person_id", "household_id"), rows)


def write_events(
    out: Path, records: Records, country: Strings, wanted: tuple[int, dict[str, list[Row]]], dice: Dice
) -> None:
    """Events spread over the records; a record's share of them falls off steeply, as purchases do.

    ``wanted``: how many, and by channel the broken rows that are added on purpose.
    """
    count, broken = wanted
    rng = dice.of("events")
    appetite = rng.pareto(1.6, len(records)) + 0.05
    owner = np.searchsorted(np.cumsum(appetite), np.sort(rng.random(count)) * appetite.sum())
    owner = np.minimum(owner, len(records) - 1)
    channel = records.channel[owner]
    moments = _moments(rng.random(count))
    amounts = np.exp(rng.normal(3.4, 1.0, count))
    pick = rng.random(count)
    currency = np.asarray([_CURRENCIES[code] for code in country], dtype=object)[records.person[owner]]
    for place, name in enumerate(CHANNELS):
        rows = np.flatnonzero(channel == place)
        kinds = np.asarray([kind for kind, _ in EVENT_TYPES[name]], dtype=object)
        shares = np.cumsum([share for _, share in EVENT_TYPES[name]])[:-1]
        kind = kinds[np.searchsorted(shares, pick[rows], side="right")]
        paid = np.isin(kind.astype(str), _PAID)
        text = np.char.mod("%.2f", amounts[rows]).astype(object)
        cells = zip(
            (f"{name[0].upper()}E{number:09d}" for number in range(len(rows))),
            records.ids[owner[rows]].tolist(),
            kind.tolist(),
            moments[rows].tolist(),
            np.where(paid, text, "").tolist(),
            np.where(paid, currency[rows], "").tolist(),
            strict=True,
        )
        write_rows(out / name / EVENT_FILES[name], EVENT_COLUMNS, [*cells, *broken.get(name, [])])
