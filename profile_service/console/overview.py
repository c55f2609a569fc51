"""The overview: how the service and the last runs are, who the customers are, and what needs somebody's hand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Response

from profile_service.console.guard import Desk, desk, guarded
from profile_service.console.pages import console
from profile_service.review import CUSTOMER, PAIR, reviews
from profile_service.rulings import shared_values
from profile_service.store.ledger.vote_rows import all_votes, erasure_requests
from profile_service.votes import standing_votes

_RUNS = 10
_REASONS = 12
_BACKLOG = 100
_ROWS_AT_ONCE = 10_000


@console.get("/overview")
@desk("overview")
def show_overview(at: Desk) -> Response:
    """Pictures people would rather look at than read, each with its numbers."""
    manifest = at.state.generation.generation.manifest
    ask = at.state.generation.ask
    runs = [_run(row) for row in ask(_LAST_RUNS, {"most": _RUNS})]
    rejected = ask(_REJECTED, {"most": _REASONS})
    votes = standing_votes(all_votes(at.frame.ledger.read()))
    waiting = {kind: len(reviews(at.state, kind, _BACKLOG).items) for kind in (PAIR, CUSTOMER)}
    as_of = at.state.generation.as_of
    held = shared_values(at.state, at.frame.ledger.log())
    return at.page(
        "overview.html",
        manifest=manifest,
        as_of=as_of,
        hours=(at.frame.clock() - datetime.fromisoformat(as_of)).total_seconds() / 3600 if as_of else None,
        live=at.frame.ledger.log().last_seq() - at.state.generation.ledger_seq,
        runs=runs,
        slowest=max((run["seconds"] for run in runs), default=1) or 1,
        by_channels=ask(_BY_CHANNELS),
        channels=(matrix := _matched(ask(_MATCHED)))[0],
        matched=matrix[1],
        rejected=rejected,
        rejected_total=ask("SELECT count(*) FROM rejected_rows")[0][0],
        waiting=waiting,
        shared=_by_field(held),
        shared_total=len(held),
        shared_waits=sum(bool(each["ruling"] and each["ruling"]["waits"]) for each in held),
        backlog=_BACKLOG,
        votes=votes,
        erasures=sum(each.decision is None for each in erasure_requests(at.frame.ledger.read())),
        typed="",
    )


@console.get("/overview/rejected.csv")
@desk("feeds")
def download_rejected(at: Desk) -> Response:
    """Every refused row with its reasons, to mend and land again."""
    at.note_read("rejected.download", None)
    rows = at.state.generation.ask(
        "SELECT run_id, channel, kind, file, line, row_as_sent, array_to_string(reasons, '; ') FROM rejected_rows "
        "ORDER BY run_id, channel, kind, file, line"
    )
    answer = Response(_csv(rows), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="rejected_rows.csv"'
    return guarded(answer)


def _csv(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    text = io.StringIO()
    # quoted all: the writer takes a lone carriage return for no end of a line, spreadsheets do
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(("run_id", "channel", "kind", "file", "line", "row_as_sent", "reasons"))
    for start in range(0, len(rows) or 1, _ROWS_AT_ONCE):
        # what begins like a formula is one to a spreadsheet
        writer.writerows([[_harmless(value) for value in row] for row in rows[start : start + _ROWS_AT_ONCE]])
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else value


_LAST_RUNS = """SELECT run_id, state, started_at::VARCHAR, durations, warnings, counts FROM runs
    ORDER BY run_seq DESC LIMIT $most"""
_REJECTED = """SELECT channel, kind, reason, count(*) AS n FROM (
        SELECT channel, kind, unnest(reasons) AS reason FROM rejected_rows)
    GROUP BY ALL ORDER BY n DESC, channel, kind, reason LIMIT $most"""
_BY_CHANNELS = "SELECT channel_count, count(*), sum(record_count) FROM customers GROUP BY 1 ORDER BY 1"
_MATCHED = """WITH held AS (SELECT customer_id, unnest(channels) AS channel FROM customers)
    SELECT a.channel, b.channel, count(*) FROM held a JOIN held b USING (customer_id) GROUP BY ALL"""


def _by_field(held: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """Each field with how many of its values are held back or ruled on, and how many records hold them."""
    counts: dict[str, tuple[int, int]] = {}
    for each in held:
        values, holders = counts.get(each["field"], (0, 0))
        counts[each["field"]] = values + 1, holders + (each["holders"] or 0)
    return [(field, *both) for field, both in sorted(counts.items(), key=lambda one: -one[1][0])]


def _run(row: Sequence[Any]) -> Mapping[str, Any]:
    run_id, state, started_at, durations, warnings, counts = row
    stages = json.loads(durations or "{}")
    rows = json.loads(counts or "{}").get("rows", {})
    refused = sum(kind.get("rejected", 0) for kinds in rows.values() for kind in kinds.values())
    received = sum(kind.get("received", 0) for kinds in rows.values() for kind in kinds.values())
    return {
        "run_id": run_id,
        "state": state,
        "started_at": started_at[:16],
        "stages": list(stages.items()),
        "seconds": sum(stages.values()),
        "warnings": json.loads(warnings or "[]"),
        "received": received,
        "rejected": refused,
    }


def _matched(rows: Sequence[tuple[str, str, int]]) -> tuple[list[str], dict[tuple[str, str], tuple[int, float]]]:
    """The channels, and for each two of them how many of the first one's customers the second knows too."""
    counts = {(one, other): count for one, other, count in rows}
    channels = sorted({one for one, _ in counts})
    return channels, {
        (one, other): (counts.get((one, other), 0), counts.get((one, other), 0) / (counts.get((one, one), 0) or 1))
        for one in channels
        for other in channels
    }
