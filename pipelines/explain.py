"""Two records are, or are not, one customer: what each comparison says, and which links hold them together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.decided import Judged, judged_of
from pipelines.refused import no_record, refused_since
from pipelines.waiting import Waiting, waiting_since
from pipelines.work import RECORD_FIELDS, connect_work
from profile_service.errors import NotFound, WrongUsage
from profile_service.identity.block import blocking_keys
from profile_service.identity.blocking_rule import part_sql
from profile_service.identity.compare import compare_pair, takes_part
from profile_service.identity.model import Comparison, Model
from profile_service.identity.model_files import load_model
from profile_service.identity.records import STANDARD_COLUMNS, RawRecord, StandardisedRecord
from profile_service.identity.score import ANCHORED, Score, score_pair

Work = duckdb.DuckDBPyConnection
SILENT, SAID = "missing", "said already"  # no value on a side; a finer comparison has said the same


@dataclass(frozen=True)
class Side:
    """One of the two records: as sent, as standardised, and the customer it belongs to.

    ``vouched``: not written live by a key that nobody trusts to have authenticated the person.
    """

    rid: int
    raw: RawRecord
    standard: StandardisedRecord
    customer_id: str
    vouched: bool = True


@dataclass(frozen=True)
class Weighed:
    """What one comparison says: its level, its share of the match weight in bits, and both values for people."""

    comparison: str
    level: str
    bits: float
    left: str | None
    right: str | None


@dataclass(frozen=True)
class Link:
    """A scored pair of records, by name."""

    left: str
    right: str
    bits: float


@dataclass(frozen=True)
class Explanation:
    """Why two records are, or are not, one customer; ``bits`` is the sum of ``prior_bits`` and of what is weighed.

    ``judged``: what people decided of the two, the earliest first. ``refused``: of which of the two a row was refused
    since it stands as it does, and why. ``waiting``: what was written live since the run that this is told from.
    """

    left: Side
    right: Side
    weighed: tuple[Weighed, ...]
    prior_bits: float
    bits: float
    probability: float
    not_compared: str | None
    judged: tuple[Judged, ...]
    path: tuple[Link, ...]
    model_version: str
    refused: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether both records belong to one customer."""
        return self.left.customer_id == self.right.customer_id

    def as_json(self) -> dict[str, Any]:
        """The explanation in plain JSON types; bits are log2 of odds."""
        sides = {
            name: {
                "record": side.raw.key,
                "customer_id": side.customer_id,
                "sent": {field: value for field, value in side.raw.fields.items() if value is not None},
                "compared": {field: value for field, value in side.standard.values.items() if value is not None},
            }
            for name, side in (("left", self.left), ("right", self.right))
        }
        return {
            **sides,
            "one_customer": self.same,
            "bits": self.bits,
            "prior_bits": self.prior_bits,
            "probability": self.probability,
            "comparisons": [asdict(one) for one in self.weighed],
            "not_compared": self.not_compared,
            "judgements": [one.told for one in self.judged],
            "path": [asdict(link) for link in self.path],
            "refused": list(self.refused),
            "waiting": list(self.waiting),
            "model_version": self.model_version,
        }


def explain(left: str, right: str, data_dir: Path, ledger: str | Path | None = None) -> Explanation:
    """Explain the pair of records ``left`` and ``right`` (``channel:source_record_id``) from the last run's work.

    ``ledger``: its path or URL, None for the one in ``data_dir``; what it holds since that run is told beside it.
    Raises WrongUsage for names that are none or twice the same, NotFound for records that are not there or erased,
    RunLocked while a run is at work.
    """
    if left == right:
        raise WrongUsage("give two different records: one record is always one customer")
    with open_explained(data_dir) as work, waiting_since(work, data_dir, ledger) as waiting:
        model = resolved_model(work, data_dir)
        for key in (left, right):
            waiting.refuse_erased(key, [key])
        sides = _side(work, left, waiting), _side(work, right, waiting)
        records = _records_of(work, {side.customer_id for side in sides})
        theirs = {key for key in records if not waiting.erased(key, [key])}
        standard = sides[0].standard, sides[1].standard
        score = score_pair(compare_pair(*standard, model), model)
        weighed = tuple(_weigh(model, score, sides))
        return Explanation(
            left=sides[0],
            right=sides[1],
            weighed=weighed,
            prior_bits=score.bits - sum(one.bits for one in weighed),
            bits=score.bits,
            probability=score.probability,
            not_compared=_why_not_compared(work, sides, model),
            judged=judged_of(work, left, right),
            path=strongest_path(left, right, _links(work, sides[0].customer_id, theirs)) if _same(sides) else (),
            model_version=model.version,
            refused=refused_since(work, (left, right)),
            waiting=waiting.told(work, theirs),
        )


def _weigh(model: Model, score: Score, sides: tuple[Side, Side]) -> Iterator[Weighed]:
    """What each comparison says, in the model's order, and the silent ones of which either side has a value."""
    said = {contribution.comparison: contribution for contribution in score.contributions}
    for comparison in model.comparisons:
        left, right = _values(comparison, sides)
        if comparison.name in said:
            yield Weighed(comparison.name, said[comparison.name].level, said[comparison.name].bits, left, right)
        elif takes_part(comparison, model) and (left or right):
            read = all(side.standard[column] is not None for side in sides for column in comparison.columns)
            yield Weighed(comparison.name, SAID if read else SILENT, 0.0, left, right)
    if ANCHORED in said:
        yield Weighed(ANCHORED, said[ANCHORED].level, said[ANCHORED].bits, None, None)


def strongest_path(left: str, right: str, links: Iterable[Link]) -> tuple[Link, ...]:
    """The links from ``left`` to ``right`` whose weakest is as strong as can be; empty where none lead there."""
    members: dict[str, set[str]] = {left: {left}, right: {right}}
    tree: dict[str, list[Link]] = {}
    # the strongest links that join separate groups form a tree; its only path is the one sought
    for link in sorted(links, key=lambda link: (-link.bits, link.left, link.right)):
        one, other = (members.setdefault(end, {end}) for end in (link.left, link.right))
        if one is other:
            continue
        one |= other
        members.update(dict.fromkeys(other, one))
        tree.setdefault(link.left, []).append(link)
        tree.setdefault(link.right, []).append(link)
        if members[left] is members[right]:
            return _walk(left, right, tree)
    return ()


def _walk(left: str, right: str, tree: Mapping[str, list[Link]]) -> tuple[Link, ...]:
    trails: dict[str, tuple[Link, ...]] = {left: ()}
    waiting = [left]
    while right not in trails:
        here = waiting.pop()
        for link in tree.get(here, []):
            there = link.right if link.left == here else link.left
            if there not in trails:
                trails[there] = (*trails[here], Link(here, there, link.bits))
                waiting.append(there)
    return trails[right]


def open_explained(data_dir: Path) -> Work:
    """The work store, for reading; raises NotFound where there is none, RunLocked while a run is at work."""
    path = data_dir / "work" / "pipeline.duckdb"
    if not path.exists():
        raise NotFound(f"nothing has been resolved in {data_dir} yet: run `profiles run LANDING` first")
    return connect_work(data_dir, read_only=True)


def resolved_model(work: Work, data_dir: Path) -> Model:
    """The model of the last run; raises NotFound before the first."""
    row = work.execute("SELECT model_version FROM runs ORDER BY run_seq DESC LIMIT 1").fetchone()
    if row is None:
        raise NotFound(f"nothing has been resolved in {data_dir} yet: run `profiles run LANDING` first")
    return load_model(data_dir / "models" / str(row[0]))


def _side(work: Work, key: str, waiting: Waiting) -> Side:
    channel, colon, source_record_id = key.partition(":")
    if not (channel and colon and source_record_id):
        raise WrongUsage(f"{key!r} names no record: write channel:id, such as store:S000042")
    row = _one_row(
        work,
        """SELECT r.*, m.customer_id FROM records r JOIN membership m USING (rid)
        WHERE channel = ? AND source_record_id = ?""",
        [channel, source_record_id],
    )
    if row is None:
        raise no_record(work, key, waiting)
    standard = _one_row(work, "SELECT * FROM standardised WHERE rid = ?", [row["rid"]])
    if standard is None:
        raise NotFound(f"record {key} has not been resolved yet: run `profiles run LANDING` first")
    fields = {name: row[name] for name in RECORD_FIELDS}
    values = {name: standard[name] for name in STANDARD_COLUMNS}
    bins = {name.removesuffix("_bin"): value for name, value in standard.items() if name.endswith("_bin")}
    return Side(
        rid=row["rid"],
        raw=RawRecord(channel, source_record_id, fields, row["updated_at"]),
        standard=StandardisedRecord(channel, source_record_id, values, bins),
        customer_id=row["customer_id"],
        vouched=row["authenticated"] is not False,
    )


def _one_row(work: Work, query: str, parameters: list[Any]) -> dict[str, Any] | None:
    found = work.execute(query, parameters)
    names = [column[0] for column in found.description or ()]
    row = found.fetchone()
    return dict(zip(names, row, strict=True)) if row else None


def _same(sides: tuple[Side, Side]) -> bool:
    return sides[0].customer_id == sides[1].customer_id


def _values(comparison: Comparison, sides: tuple[Side, Side]) -> list[str | None]:
    """Both values of a comparison, as sent or, where it has no field of its own, as standardised.

    A value that was sent and is not compared (generic, or not to be read) says so; so does a name in an e-mail address.
    """
    shown = []
    column = comparison.columns[0]
    for side in sides:
        sent = side.raw.value(comparison.name)
        standard = side.standard[column]
        if sent is not None and standard is None:
            sent += " (not compared)"
        told = _told_by_mailbox(comparison, side)
        shown.append(" ".join(filter(None, (sent, told))) or standard)
    return shown


def _told_by_mailbox(comparison: Comparison, side: Side) -> str | None:
    """A name that the record leaves out, or gives the initial of, and its e-mail address tells."""
    if comparison.role not in ("given", "family"):
        return None
    said, compared = side.standard[comparison.name], side.standard[comparison.columns[0]]
    if compared is None or (said is not None and (len(said) > 1 or len(compared) == 1)):
        return None
    return f"({compared} in the e-mail)"


def _why_not_compared(work: Work, sides: tuple[Side, Side], model: Model) -> str | None:
    """Why blocking has not brought the pair together; None when it has."""
    ends = sorted(side.rid for side in sides)
    if work.execute("SELECT 1 FROM scored_pairs WHERE l = ? AND r = ?", ends).fetchone():
        return None
    if claims := [side.raw.key for side in sides if not side.vouched]:
        return unvouched(claims)
    apart = [_one_row(work, "SELECT apart FROM standardised WHERE rid = ?", [side.rid]) for side in sides]
    if apart[0] and apart[0]["apart"] is not None and apart[0] == apart[1]:
        return f"channel {sides[0].raw.channel} is declared free of duplicates"
    keys = [blocking_keys(side.standard, model) for side in sides]
    shared = [name for name in keys[0] if keys[0][name] == keys[1].get(name)]
    if not shared:
        return "they share the key of no blocking rule"
    held = {rule.name: rule.key for rule in model.blocking_rules}
    counts = [f"{name} ({_holders(work, held[name], keys[0][name]):,} records)" for name in shared]
    return f"they share only keys that more than {model.blocking_cap} records hold: {', '.join(counts)}"


def unvouched(keys: Sequence[str]) -> str:
    """Why nothing in these records is compared: nobody has authenticated whom they are about."""
    return f"nobody vouches for {' and '.join(keys)}: what it says is compared once it comes authenticated"


def _holders(work: Work, parts: tuple[str, ...], key: tuple[str, ...]) -> int:
    condition = " AND ".join(f"{part_sql(part, 's')} = ?" for part in parts)
    row = work.execute(f"SELECT count(*) FROM standardised s WHERE {condition}", list(key)).fetchone()
    return int(row[0]) if row else 0


def _records_of(work: Work, customers: Collection[str]) -> list[str]:
    """The keys of these customers' records."""
    rows = work.execute(
        """SELECT channel || ':' || source_record_id FROM records SEMI JOIN (
            SELECT rid FROM membership WHERE customer_id IN (SELECT unnest($customers::VARCHAR[]))) USING (rid)""",
        {"customers": list(customers)},
    ).fetchall()
    return [key for (key,) in rows]


def _links(work: Work, customer_id: str, among: Collection[str]) -> list[Link]:
    """The scored pairs inside a customer, of the records ``among`` its own."""
    rows = work.execute(
        """WITH mine AS (
            SELECT rid, channel || ':' || source_record_id AS key FROM membership JOIN records USING (rid)
            WHERE customer_id = ?)
        SELECT a.key, b.key, s.bits FROM scored_pairs s JOIN mine a ON a.rid = s.l JOIN mine b ON b.rid = s.r""",
        [customer_id],
    ).fetchall()
    return [link for link in (Link(*row) for row in rows) if link.left in among and link.right in among]
