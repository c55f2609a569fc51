"""What a generation answers at once: profiles, identifiers, records, blocking keys and pairs, by key look-ups."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import duckdb
import orjson

from profile_service.errors import NotFound
from profile_service.identity.block import blocking_keys
from profile_service.identity.hashing import PROBES, PROBES_SQL, hash_texts
from profile_service.identity.model import Model
from profile_service.identity.model_files import load_model
from profile_service.identity.records import StandardisedRecord
from profile_service.identity.weigh import Scales
from profile_service.store import documents
from profile_service.store.damage import damage_named
from profile_service.store.former import FormerId
from profile_service.store.generation import ARRAYS, PROFILES, Generation
from profile_service.store.lines import Lines, mapped_array
from profile_service.store.linkage import Linkage, PairsFound
from profile_service.store.names import CUSTOMER, named
from profile_service.store.readers import Readers
from profile_service.store.review_row import Review
from profile_service.store.shared_values import SharedValues
from profile_service.store.stored import EventSummary, RecordHead, StoredRecord, head_of
from profile_service.store.terms import Terms
from profile_service.store.touch import touch

# The arrays of a generation beside those of ``linkage``, each in arrays/<name>.npy: hashed names of records in
# ascending order with their refs, hashed identifiers in ascending order with the numbers of the customers who carry
# them, and hashed ids of customers in ascending order with the number of each.
(
    RECORD_NAMES,
    RECORD_REFS,
    IDENTIFIER_NAMES,
    IDENTIFIER_HOLDERS,
    CUSTOMER_NAMES,
    CUSTOMER_NUMBERS,
) = ARRAY_NAMES = (
    "record_names",
    "record_refs",
    "identifier_names",
    "identifier_holders",
    "customer_names",
    "customer_numbers",
)
# Its texts by number: profile documents by the customer's number, and records by their own.
DOCUMENTS, RECORD_BODIES = "documents", "records"
_MOST_KEPT = 16_384  # identifiers with their holders
HASH_PROBE_SQL = f"SELECT ({PROBES_SQL})::VARCHAR"


class _PerThread(threading.local):
    """What a thread has read last."""

    held_table: tuple[str, list[Any]] | None = None


class ServingGeneration:
    """A generation opened for reading by any number of threads; nothing in it ever changes."""

    def __init__(self, generation: Generation, model: Model) -> None:
        self.generation = generation
        self.model = model
        self.run_id = generation.manifest.run_id
        self.as_of = generation.manifest.as_of
        self.ledger_seq = generation.manifest.ledger_seq
        self._mine = _PerThread()
        self._readers = Readers(generation)
        with damage_named(generation.folder):
            self._read_all(generation)

    @cached_property
    def scales(self) -> Scales:
        """The model's weights as live records are weighed by; raises ValueError where it is not trained."""
        return Scales(self.model)

    @cached_property
    def trait_definitions(self) -> list[tuple[Any, ...]]:
        """How traits and segments are worded: kind, name, in_words, of_one, told, currency, why."""
        return self.ask("SELECT kind, name, in_words, of_one, told, currency, why FROM trait_definitions")

    def _read_all(self, generation: Generation) -> None:
        """Map the arrays and read what is kept in memory; whatever is missing or not whole shows here."""
        self._arrays = {name: mapped_array(generation.folder / ARRAYS / f"{name}.npy") for name in ARRAY_NAMES}
        self._linkage = Linkage(generation.folder / ARRAYS)
        self._documents = Lines(generation.folder / ARRAYS, DOCUMENTS)
        self._records = Lines(generation.folder / ARRAYS, RECORD_BODIES)
        self.terms = Terms(generation.folder / ARRAYS)
        # nothing here ever changes, and who was looked for once is looked for again
        self._holders = lru_cache(_MOST_KEPT)(self._find_holders)
        self._check_hashes()
        self.shared = SharedValues(
            self._read("SELECT field, value FROM generic_values"),
            self._read("SELECT field, value, verdict, counted FROM generic_rulings"),
        )
        # channels that hold nobody twice, with the number by which the batch tells them apart
        self.duplicate_free: Mapping[str, int] = dict(self._read("SELECT channel, number FROM duplicate_free"))
        self.judgements: dict[int, list[tuple[int, int, str, str]]] = {}
        for left, right, verdict, decision_id in self._read("SELECT * FROM judgements"):
            for ref, other in ((left, right), (right, left)):
                self.judgements.setdefault(ref, []).append((ref, other, verdict, decision_id))
        self._read("SELECT ref FROM former_ids LIMIT 1")

    @classmethod
    def open(cls, generation: Generation, models: Path) -> ServingGeneration:
        """Open ``generation`` with the model it was made with, from ``models``.

        Raises NotFound when it was published without what the service reads, UnusableInput when its model is gone.
        """
        version = generation.manifest.model_version
        if not (generation.folder / PROFILES).exists() or version is None:
            raise NotFound(f"{generation.folder} holds nothing to serve: publish it anew with `profiles run --rebuild`")
        return cls(generation, load_model(models / version))

    def profile(self, customer_id: str) -> dict[str, Any] | None:
        """The profile document of a customer that stands; the caller's own to change."""
        table = self.profile_table(customer_id)
        return None if table is None else documents.whole(table)

    def profile_table(self, customer_id: str) -> list[Any] | None:
        """The same as the list that is kept of it, in the order of ``documents``; the caller's own to use up."""
        held = self._mine.held_table
        if held is not None and held[0] == customer_id:
            self._mine.held_table = None
            return held[1]
        text = self._text(customer_id)
        return None if text is None else documents.opened(text)

    def document(self, customer_id: str) -> bytes | None:
        """The same as JSON."""
        profile = self.profile(customer_id)
        return None if profile is None else orjson.dumps(profile)

    def retired(self, customer_id: str) -> tuple[str, str | None] | None:
        """What became of an id that stands no more: the event, and the id that answers for it (None when erased)."""
        rows = self._read("SELECT event, stands_as FROM ids WHERE customer_id = ?", (customer_id,))
        return rows[0] if rows else None

    def stands(self, customer_id: str) -> bool:
        """Whether somebody of that id is published and stands."""
        return self._text(customer_id) is not None

    def holders(self, identifier_type: str, value: str) -> list[str]:
        """The customers who carry an identifier, by its standard form."""
        return list(self._holders(identifier_type, value))

    def _find_holders(self, identifier_type: str, value: str) -> tuple[str, ...]:
        found = []
        for number in named(self._arrays[IDENTIFIER_NAMES], self._arrays[IDENTIFIER_HOLDERS], identifier_type, value):
            text = self._documents.text(number)
            table = None if text is None else documents.opened(text)
            # two identifiers may share a hash: the customer's own say which it is
            if table is not None and documents.holds(table, identifier_type, value):
                found.append(table[0])
                # who asks for the holder asks for its profile next
                self._mine.held_table = (table[0], table)
        return tuple(sorted(found))

    def is_generic(self, field: str, value: str) -> bool:
        """Whether a value says nothing: too many families share it, or a steward ruled so."""
        return self.shared.is_generic(field, value)

    def record(self, channel: str, source_record_id: str) -> StoredRecord | None:
        """A current record by its key."""
        for ref in named(self._arrays[RECORD_NAMES], self._arrays[RECORD_REFS], channel, source_record_id):
            # two names may share a hash: the record itself says which it is
            body = self._records.text(ref)
            record = None if body is None else StoredRecord.from_body(body)
            if record and (record.channel, record.source_record_id) == (channel, source_record_id):
                return record
        return None

    def record_keys(self) -> list[tuple[str, str]]:
        """(channel, source_record_id) of every record: a second for a million of them."""
        rows: list[tuple[str, str]] = self.ask("SELECT channel, source_record_id FROM customer_records")
        return rows

    def records(self, refs: Iterable[int]) -> list[StoredRecord]:
        """The records of those numbers, in ascending order; numbers it does not know are passed over."""
        bodies = (self._records.text(ref) for ref in sorted({int(ref) for ref in refs}))
        return [StoredRecord.from_body(body) for body in bodies if body is not None]

    def heads(self, refs: Iterable[int]) -> list[RecordHead]:
        """Key and customer of the records of those numbers; numbers it does not know are passed over."""
        bodies = (self._records.text(ref) for ref in refs)
        return [head_of(body) for body in bodies if body is not None]

    def records_of(self, customer_id: str) -> list[StoredRecord]:
        """The records of a customer, in the order of their numbers."""
        text = self._text(customer_id)
        return [] if text is None else self.records(documents.record_numbers(text))

    def key_members(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """For each blocking key the records that hold it, at most one more than the model's cap."""
        if not keys:
            return {}
        return self._linkage.key_members(keys, self.model.blocking_cap + 1)

    def pairs_of(self, ref: int) -> list[tuple[int, float]]:
        """The scored pairs of a record of this generation: (the other's number, bits)."""
        return self._linkage.pairs_of(ref)

    def pairs_from(self, refs: Collection[int]) -> PairsFound:
        """The scored pairs of several records: their numbers, the others' numbers, bits; shape (pairs,) each."""
        return self._linkage.pairs_from(refs)

    def hash_keys(self, record: StandardisedRecord) -> list[int]:
        """The blocking keys of a record, hashed as those of this generation are."""
        return [hash_texts((name, *parts)) for name, parts in blocking_keys(record, self.model).items()]

    def ask(self, query: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query on the warehouse; raises Refused (too-slow) when the request's time is over before."""
        return self._readers.ask(query, values)

    def warehouse(self) -> duckdb.DuckDBPyConnection:
        """This thread's own cursor on the warehouse: read-only, UTC, no other file in reach."""
        return self._readers.warehouse()

    def customers_numbered(self, numbers: Iterable[int]) -> dict[int, str]:
        """The customers of some numbers, as ``terms`` gives them; those that nobody has any more are left out."""
        texts = ((int(number), self._documents.text(int(number))) for number in numbers)
        return {number: documents.customer_of(text) for number, text in texts if text is not None}

    def judgements_of(self, refs: Iterable[int]) -> list[tuple[int, int, str, str]]:
        """(record, other record, same or different, id of the decision) of judgements on those records' pairs."""
        return [judgement for ref in refs for judgement in self.judgements.get(ref, ())]

    def former_ids(self, refs: Iterable[int]) -> list[FormerId]:
        """The ids that those records had until they were merged away."""
        query = "SELECT ref, customer_id, retired_us, since FROM former_ids WHERE ref = ?"
        return [FormerId(*row) for ref in refs if ref >= 0 for row in self._read(query, (ref,))]

    def orphan_events(self, channel: str, source_record_id: str) -> EventSummary | None:
        """The events of a record that is not there yet."""
        body = self._one(
            "SELECT CAST(body AS BLOB) FROM orphan_events WHERE source_record_id = ? AND channel = ?",
            source_record_id,
            channel,
        )
        return None if body is None else EventSummary.from_table(orjson.loads(body))

    def known_events(self, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the events (channel, event_id) that the generation holds."""
        if not keys:
            return set()
        rows = self.ask(
            "SELECT channel, event_id FROM customer_events WHERE event_id IN (SELECT unnest($ids))",
            {"ids": sorted({event_id for _, event_id in keys})},
        )
        return {(channel, event_id) for channel, event_id in rows} & set(keys)

    def reviews(self, limit: int, offset: int = 0) -> list[Review]:
        """Pairs worth a steward's judgement, the most valuable first."""
        rows = self._read("SELECT * FROM reviews ORDER BY value DESC, review_id LIMIT ? OFFSET ?", (limit, offset))
        return [Review(*row) for row in rows]

    def review(self, review_id: str) -> Review | None:
        """One of the pairs worth a judgement."""
        rows = self._read("SELECT * FROM reviews WHERE review_id = ?", (review_id,))
        return Review(*rows[0]) if rows else None

    def touch(self, stopping: threading.Event) -> int:
        """Read all that is mapped once, page by page, until it is done or ``stopping`` is set; answers the pages."""
        lines = [*self._documents.mapped(), *self._records.mapped()]
        return touch([*self._arrays.values(), *self._linkage.mapped(), *self.terms.mapped(), *lines], stopping)

    def close(self) -> None:
        """Close every thread's connections; to be called when no one reads any more."""
        self._readers.close()

    def _text(self, customer_id: str) -> bytes | None:
        names, numbers = self._arrays[CUSTOMER_NAMES], self._arrays[CUSTOMER_NUMBERS]
        for number in named(names, numbers, CUSTOMER, customer_id):
            text = self._documents.text(number)
            # two ids may share a hash: the document says whose it is
            if text is not None and documents.customer_of(text) == customer_id:
                return text
        return None

    def _one(self, query: str, *parameters: str) -> bytes | None:
        rows = self._read(query, parameters)
        return rows[0][0] if rows else None

    def _read(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._readers.rows(query, parameters)

    def _check_hashes(self) -> None:
        probe = self._one("SELECT CAST(value AS BLOB) FROM meta WHERE key = 'hash_probe'")
        if probe is None or probe.decode() != str([hash_texts(texts) for texts in PROBES]):
            raise NotFound(
                f"the blocking keys of {self.run_id} were hashed by another DuckDB: publish anew with "
                "`profiles run --rebuild`"
            )
