"""Rows that break a feed's contract, on purpose: for seeing rejections, not for linkage."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

from pipelines.simulate.feeds import EVENT_COLUMNS, Row, customer_columns
from pipelines.simulate.options import CHANNELS

# each breaks exactly one promise of the contract
_CUSTOMERS = (
    {"source_record_id": "", "given_name": "Nobody", "family_name": "Known"},
    {"birth_date": "31/12/1980", "given_name": "Wrong", "family_name": "Date"},
    {"updated_at": "yesterday", "given_name": "Wrong", "family_name": "Time"},
    {"marketing_consent": "perhaps", "given_name": "Undecided", "family_name": "Customer"},
    {"birth_date": "1980-02-30", "given_name": "No", "family_name": "Such Day"},
)
_EVENTS = (
    {"event_id": ""},
    {"source_record_id": ""},
    {"amount": "twelve", "currency": "USD"},
    {"amount": "12.50", "currency": "dollars"},
    {"occurred_at": "last week"},
)


def broken_customers(count: int) -> dict[str, list[Row]]:
    """``count`` broken customer rows for each channel, in its own columns."""
    return {channel: [*islice(_rows(channel), count)] for channel in CHANNELS}


def _rows(channel: str) -> Iterator[Row]:
    for number, faults in enumerate(cycle(_CUSTOMERS)):
        sound = {"source_record_id": f"BROKEN-{number:04d}", "updated_at": "2024-05-01T12:00:00Z"}
        yield tuple((sound | faults).get(column, "") for column in customer_columns(channel))


def broken_events(count: int) -> dict[str, list[Row]]:
    """``count`` broken event rows for each channel."""
    rows: list[Row] = []
    for number, faults in enumerate(islice(cycle(_EVENTS), count)):
        sound = {
            "event_id": f"BROKEN-{number:04d}",
            "source_record_id": "S00000001",
            "event_type": "purchase",
            "occurred_at": "2024-05-01T12:00:00Z",
        }
        rows.append(tuple((sound | faults).get(column, "") for column in EVENT_COLUMNS))
    return dict.fromkeys(CHANNELS, rows)
