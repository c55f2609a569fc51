"""The CSV in which people judge pairs of records: written with both records side by side, and read back."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import duckdb

from pipelines.hidden import hide_erased
from pipelines.label_sample import DrawnPair, draw_pairs
from pipelines.work import RECORD_FIELDS, connect_work
from profile_service.errors import NotFound, UnusableInput
from profile_service.labels import VERDICTS, Label

KEYS = ("left_channel", "left_id", "right_channel", "right_id")
SAID = ("verdict", "author", "reason", "time")
DRAWN = ("stratum", "stratum_pairs", "sampling_probability", "bits", "linked")
_REQUIRED = (*KEYS, "verdict")
_BEYOND = ""  # no column's name: what a row has beyond them
_FORMULA = ("=", "+", "-", "@", "\t")


class BadLabels(UnusableInput):
    """A file of labels with rows that cannot be taken: ``rows`` are (line, reason); nothing of it was taken."""

    def __init__(self, path: Path, rows: Sequence[tuple[int, str]]) -> None:
        """Refuse the file for these rows."""
        count = "a row" if len(rows) == 1 else f"{len(rows):,} rows"
        super().__init__(f"{path}: {count} cannot be taken, so nothing was: line {rows[0][0]}: {rows[0][1]}")
        self.rows = tuple(rows)


@dataclass(frozen=True)
class JudgedFile:
    """The labels in a file with the line of each; rows without a verdict are pairs nobody has judged yet.

    ``strata``: how many pairs each stratum has that rows were drawn from, judged or not: as the file says, else as
    many as its rows stand for.
    """

    labels: tuple[tuple[int, Label], ...]
    unjudged: int
    strata: Mapping[str | None, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Exported:
    """The pairs that were written, and in words how many erased people were ``left_out``; empty where nobody was."""

    drawn: Sequence[DrawnPair]
    left_out: tuple[str, ...]


def export_pairs(path: Path, data_dir: Path, pairs: int, seed: int, ledger: str | Path | None = None) -> Exported:
    """Write pairs to judge to a new file, readable by its owner alone, for it holds personal data; answers them.

    What somebody has said of a pair by the last run stands there already; nobody stands there whom ``ledger`` (its path
    or URL, None for the one in ``data_dir``) knows to be erased. Raises NotFound before the first run, UnusableInput
    where the file exists or cannot be written, RunLocked while a run is at work.
    """
    if not (data_dir / "work" / "pipeline.duckdb").exists():
        raise NotFound(f"no run has resolved anything in {data_dir} yet: run `profiles run LANDING` first")
    with connect_work(data_dir, read_only=True) as work:
        left_out = hide_erased(work, data_dir, ledger)
        drawn = draw_pairs(work, pairs, seed)
        rows = list(_rows(work, drawn))
    names = list(dict.fromkeys(name for row in rows for name in row)) or [*KEYS, *SAID, *DRAWN]
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UnusableInput(f"{path} is there already, perhaps with verdicts in it: name another file") from error
    except OSError as error:
        raise UnusableInput(f"{path} cannot be written: {error.strerror or error}") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    return Exported(drawn, left_out)


def _rows(work: duckdb.DuckDBPyConnection, drawn: Sequence[DrawnPair]) -> Iterator[dict[str, Any]]:
    numbers = sorted({number for pair in drawn for number in (pair.left, pair.right)})
    found = work.execute(
        f"""SELECT rid, channel, source_record_id, {", ".join(RECORD_FIELDS)} FROM records
        SEMI JOIN (SELECT unnest($rids::INTEGER[]) AS rid) USING (rid)""",
        {"rids": numbers},
    ).fetchall()
    records = {row[0]: row[1:] for row in found}
    shown = [name for place, name in enumerate(RECORD_FIELDS, start=2) if any(row[place] for row in records.values())]
    said = {frozenset((row[:2], row[2:4])): row[4:] for row in _labels_known(work)}
    for pair in drawn:
        left, right = sorted((records[pair.left], records[pair.right]), key=lambda row: row[:2])
        known = said.get(frozenset((left[:2], right[:2])), ("", "", "", ""))
        row = dict(zip(KEYS, (*left[:2], *right[:2]), strict=True)) | dict(zip(SAID, known, strict=True))
        for name in shown:
            place = RECORD_FIELDS.index(name) + 2
            row |= {f"left_{name}": _harmless(left[place]), f"right_{name}": _harmless(right[place])}
        yield row | {
            "stratum": pair.stratum,
            "stratum_pairs": pair.stratum_pairs,
            "sampling_probability": f"{pair.sampling_probability:.10g}",
            "bits": "" if pair.bits is None else f"{pair.bits:.2f}",
            "linked": "yes" if pair.linked else "no",
        }


def _labels_known(work: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """The latest label on each pair."""
    return work.execute(
        """SELECT left_channel, left_id, right_channel, right_id, verdict, author, coalesce(reason, ''),
            strftime(judged_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') FROM labels ORDER BY judged_at"""
    ).fetchall()


def _harmless(value: str | None) -> str:
    """A value as a spreadsheet shows it and does not compute it."""
    return "" if value is None else f"'{value}" if value.startswith(_FORMULA) else value


def read_judged(path: Path, author: str, now: datetime) -> JudgedFile:
    """The labels in a file as ``export_pairs`` writes it, or any CSV with the columns of ``KEYS`` and ``verdict``.

    ``author`` is who judged where a row names nobody. A comma, semicolon or tab separates, as spreadsheets save it.
    Raises BadLabels naming each bad row, UnusableInput where the file cannot be read at all.
    """
    labels: list[tuple[int, Label]] = []
    bad: list[tuple[int, str]] = []
    unjudged = 0
    strata: dict[str | None, float] = {}
    met: dict[tuple[Any, ...], tuple[int, str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for line, row in _read(path, stream):
                try:
                    if row[_BEYOND]:
                        raise ValueError(
                            "more cells than the header has: put what holds a separator in quotation marks"
                        )
                    _count(row, strata)
                    if not row["verdict"]:
                        unjudged += 1
                        continue
                    label = _label(row, author, now)
                    _hold_to_one(label, line, met)
                except ValueError as error:
                    bad.append((line, str(error)))
                else:
                    labels.append((line, label))
    except UnicodeDecodeError as error:
        raise UnusableInput(f"{path} is not UTF-8: save it as CSV UTF-8") from error
    except (OSError, csv.Error) as error:
        raise UnusableInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if bad:
        raise BadLabels(path, bad)
    return JudgedFile(tuple(labels), unjudged, strata)


def nobody_judged(path: Path, judged: JudgedFile) -> tuple[str, ...]:
    """In words, that no row of the file has a verdict; empty where one has."""
    if judged.labels:
        return ()
    rows = "it has no rows" if not judged.unjudged else f"rows that wait: {judged.unjudged:,}"
    return (f"nobody has judged a pair in {path} ({rows}): fill in `verdict` with same, different or unsure",)


def refuse_unknown(path: Path, judged: JudgedFile, known: Callable[[str, str], bool]) -> None:
    """Raises BadLabels for labels of a record that is not there, as ``known(channel, source_record_id)`` tells."""
    ends = {key: known(*key) for _, label in judged.labels for key in (label.left, label.right)}
    bad = [
        (line, f"{':'.join(key)} is no record that stands: it is misspelt or erased, so leave this row out")
        for line, label in judged.labels
        for key in (label.left, label.right)
        if not ends[key]
    ]
    if bad:
        raise BadLabels(path, bad)


def _read(path: Path, stream: TextIO) -> Iterator[tuple[int, Mapping[str, str]]]:
    header = stream.readline()
    separator = max(",;\t", key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=separator), [])]
    if missing := [name for name in _REQUIRED if name not in names]:
        raise UnusableInput(f"{path} has no column {missing[0]}: it needs {', '.join(_REQUIRED)}")
    last = ""

    def kept(line: str) -> str:
        nonlocal last
        last = line
        return line

    # strict: an open quotation mark would swallow all after it
    reader = csv.reader(map(kept, stream), delimiter=separator, strict=True)
    started = 2
    try:
        for cells in reader:
            if len(cells) < len(names) and not last.endswith(("\n", "\r")):
                raise UnusableInput(
                    f"{path} is cut off: line {reader.line_num + 1} ends after {len(cells)} of {len(names)} cells, and "
                    "without a line's end; nothing of it was taken"
                )
            started = reader.line_num + 2
            if any(cell.strip() for cell in cells):
                padded = [cell.strip() for cell in cells] + [""] * (len(names) - len(cells))
                said = dict(zip(names, padded, strict=False))
                beyond = {_BEYOND: "".join(padded[len(names) :])}
                yield reader.line_num + 1, {**dict.fromkeys((*SAID, *DRAWN), ""), **said, **beyond}
    except csv.Error as error:
        raise UnusableInput(
            f"{path} cannot be read from line {started} on: {error}; nothing of it was taken"
        ) from error


def _label(row: Mapping[str, str], author: str, now: datetime) -> Label:
    """Raises ValueError saying what is wrong with the row."""
    if missing := [name for name in KEYS if not row[name]]:
        raise ValueError(f"{missing[0]} is empty")
    if (row["left_channel"], row["left_id"]) == (row["right_channel"], row["right_id"]):
        raise ValueError("both sides are the same record")
    verdict = row["verdict"].lower()
    if verdict not in VERDICTS:
        raise ValueError(f"verdict is {row['verdict']!r}, and may be {', '.join(VERDICTS)}")
    left, right = sorted(((row["left_channel"], row["left_id"]), (row["right_channel"], row["right_id"])))
    return Label(
        *left,
        *right,
        verdict,
        author=row["author"] or author,
        reason=row["reason"] or None,
        judged_at=_moment(row["time"], now),
        stratum=row["stratum"] or None,
        sampling_probability=_probability(row["sampling_probability"]),
    )


def _moment(text: str, now: datetime) -> str | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time is {text!r}, and not RFC 3339 such as 2026-05-12T09:30:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > now + timedelta(days=1):
        raise ValueError(f"time is {text}, which is still to come")
    return moment.astimezone(UTC).isoformat()


def _probability(text: str) -> float | None:
    if not text:
        return None
    try:
        share = float(text.replace(",", "."))  # as a spreadsheet in half of Europe saves it
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ValueError(f"sampling_probability is {text!r}, and not above 0 and at most 1")
    return share


def _count(row: Mapping[str, str], strata: dict[str | None, float]) -> None:
    """Count a drawn row's stratum. Raises ValueError for a probability that is none."""
    stratum, probability = row["stratum"] or None, _probability(row["sampling_probability"])
    if probability is None:
        return
    if row["stratum_pairs"].isdigit():
        strata[stratum] = max(strata.get(stratum, 0.0), float(row["stratum_pairs"]))
    else:
        strata[stratum] = strata.get(stratum, 0.0) + 1 / probability


def _hold_to_one(label: Label, line: int, met: dict[tuple[Any, ...], tuple[int, str]]) -> None:
    """Raises ValueError where one author says two things of a pair at one time."""
    key = (*label.said[:2], label.author, label.judged_at)
    before = met.setdefault(key, (line, label.verdict))
    if before[1] != label.verdict:
        raise ValueError(f"{label.author} says {label.verdict} here and {before[1]} in line {before[0]}")
