"""Keys of whole relations as numbers: told apart, found again and summed up they settle most promises without a join.

A text is known by its 64-bit hash, a customer's counts and values by sums of products of such hashes (modulo 2**64).
What keeps its promise is always seen to; a breach goes unseen only where hashes meet by chance: two given texts are
taken for one, or a given breach leaves a sum as it was, once in 2**58 times at the most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines.audits.codes import Codes, Customers, Holders, Pairs, Rows, Table, Values, alike, among, distinct, total
from pipelines.work import whole_number
from profile_service.store.schema import CUSTOMERS, RECORD_FIELDS

# golden values that stand in customers as they are; a birth date is a date there, and a full name may be put together
PLAIN_FIELDS = tuple(
    name
    for name in CUSTOMERS.column_names
    if name in RECORD_FIELDS and name not in ("birth_date", "full_name", "marketing_consent")
)
ADDRESS_FIELDS = ("street", "street_2", "city", "region", "postcode", "country")
# Rows that are looked at together: what bounds the memory of a look at many millions.
AT_ONCE = 1 << 21
# So that the sum of a customer's values stays below 2**64, which DuckDB does not wrap around.
_SHIFT = len(PLAIN_FIELDS).bit_length()


class Keys:
    """The keys of the work store and of the generation attached to it, each fetched when it is first asked for."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def columns(self, query: str) -> list[NDArray[Any]]:
        """The columns of a query that answers numbers; -1 where it answers none."""
        return [np.ma.filled(column, -1) for column in self._connection.execute(query).fetchnumpy().values()]

    def parts(self, table: str, columns: Sequence[str], by: str) -> Iterator[list[NDArray[Any]]]:
        """The same columns of a table, two million rows or so at a time; rows alike in ``by`` come together."""
        parts = -(-whole_number(self._connection, f"SELECT count(*) FROM {table}") // AT_ONCE)
        for part in range(max(parts, 1)):
            some = f" WHERE {by} % {parts} = {part}" if parts > 1 else ""
            yield self.columns(f"SELECT {', '.join(columns)} FROM {table}{some}")

    def once(self, table: str, key: Sequence[str]) -> bool:
        """Whether no two rows have the same key."""
        code = f"hash({', '.join(key)})"
        return not any(alike(codes) for (codes,) in self.parts(table, [code], code))

    def pairs(self, table: str, of: tuple[str, str], records: Table) -> Pairs:
        """What is to be known of the pairs in ``table``, ``of``: its columns for the left and the right record."""
        once = ordered = known = True
        inside = 0
        for left, right in self.parts(table, of, of[0]):
            once = once and not alike((left.astype(np.int64) << 32) | right)
            ordered = ordered and bool(np.all(left < right))
            known = known and records.holds(left) and records.holds(right)
            if known:
                inside += int(np.count_nonzero(records.of[left] == records.of[right]))
        return Pairs(once, ordered, known, inside)

    # --- the work store

    @cached_property
    def records(self) -> Table:
        """The key of each current record."""
        return Table.made(*self.columns("SELECT rid, hash(channel, source_record_id) FROM records"))

    @cached_property
    def members(self) -> Table:
        """The customer of each record."""
        return Table.made(*self.columns("SELECT rid, hash(customer_id) FROM membership"))

    @cached_property
    def ids(self) -> Codes:
        """Every id ever given, in order."""
        return np.sort(self.columns("SELECT hash(customer_id) FROM customer_ids")[0])

    @cached_property
    def all_standing_have_records(self) -> bool:
        """Whether those that stand are just those that records have."""
        (standing,) = self.columns("SELECT hash(customer_id) FROM customer_ids WHERE standing")
        held = distinct(self.members.of[self.members.there])
        return self.members.once and np.array_equal(np.sort(standing), held)

    @cached_property
    def all_ids_have_a_line(self) -> bool:
        """Whether there is one open line of history for each id."""
        (lines,) = self.columns("SELECT hash(customer_id) FROM id_history WHERE valid_to IS NULL")
        return np.array_equal(np.sort(lines), self.ids)

    @cached_property
    def scored(self) -> Pairs:
        """The scored pairs."""
        # who is not there has no customer: seen where every record's customer is
        return self.pairs("scored_pairs", ("l", "r"), self.members)

    # --- the generation

    @cached_property
    def customers(self) -> Customers:
        """Everyone, with sums over what is said of them."""
        said = " + ".join(
            f"CASE WHEN {name} IS NULL THEN 0::UBIGINT ELSE hash('{name}', {name}) >> {_SHIFT} END"
            for name in PLAIN_FIELDS
        )
        codes, records, events, values = self.columns(f"""
            SELECT hash(customer_id), record_count, event_count, {said}
            FROM generation.main.customers""")
        counted = bool(np.all(records > 0)) and bool(np.all(events >= 0))
        return Customers(
            np.sort(codes),
            not alike(codes),
            total(codes * records.astype(np.uint64)),
            total(codes * events.astype(np.uint64)),
            total(codes * values),
            counted,
        )

    @cached_property
    def published(self) -> Table:
        """The customer of each published record."""
        table = "generation.main.customer_records"
        return Table.made(*self.columns(f"SELECT record_number, hash(customer_id) FROM {table}"))

    @cached_property
    def published_keys(self) -> Table:
        """The key of each published record."""
        table = "generation.main.customer_records"
        return Table.made(*self.columns(f"SELECT record_number, hash(channel, source_record_id) FROM {table}"))

    @cached_property
    def records_are_counted(self) -> bool:
        """Whether everyone has as many records as ``customers`` says, and these are the same customers."""
        told = total(self.published.of[self.published.there])
        return self.published.once and self.customers.counted and told == self.customers.records

    @cached_property
    def values(self) -> Values:
        """The golden values, by the customers of the records that gave them."""
        names = ", ".join(f"hash('{name}')" for name in (*PLAIN_FIELDS, *ADDRESS_FIELDS))
        hashes = np.array(self._connection.execute(f"SELECT {names}").fetchall()[0], np.uint64)
        plain, address = hashes[: len(PLAIN_FIELDS)], hashes[len(PLAIN_FIELDS) :]
        holders, said, others = np.zeros(len(self.published.of), np.bool_), 0, []
        columns = ("record_number", "hash(field)", f"hash(field, value) >> {_SHIFT}")
        for numbers, fields, values in self.parts("generation.main.customer_field_values", columns, "record_number"):
            if not self.published.holds(numbers):
                return Values(from_records=False)
            codes = self.published.of[numbers]
            is_plain = np.isin(fields, plain)
            said += total((codes * values)[is_plain])
            others.append((codes * np.uint64(3) + fields)[~is_plain])
            holders[numbers[np.isin(fields, address)]] = True
        return Values(
            True,
            said % (1 << 64),
            unmixed=not alike(self.published.of[holders]),
            others_once=not alike(np.concatenate(others)),
        )

    @cached_property
    def events(self) -> Rows:
        """Published events; those without a customer count for none."""
        once, keys, customers = True, 0, 0
        code = "hash(channel, event_id)"
        whose = "CASE WHEN customer_id IS NULL THEN 0::UBIGINT ELSE hash(customer_id) END"
        for codes, holders in self.parts("generation.main.customer_events", (code, whose), code):
            once, keys, customers = once and not alike(codes), keys + total(codes), customers + total(holders)
        return Rows(once, keys % (1 << 64), customers % (1 << 64))

    @cached_property
    def events_are_counted(self) -> bool:
        """Whether everyone has as many events as ``customers`` says, and nobody else has any."""
        return self.customers.counted and self.events.customers == self.customers.events

    @cached_property
    def events_arrive(self) -> bool:
        """Whether the events that are kept are those that are published."""
        kept = "SELECT coalesce(sum(hash(channel, event_id)), 0) FROM events"
        counts = "SELECT (SELECT count(*) FROM events) - (SELECT count(*) FROM generation.main.customer_events)"
        same = whole_number(self._connection, kept) % (1 << 64) == self.events.keys
        return same and not whole_number(self._connection, counts)

    @cached_property
    def identifiers(self) -> Holders:
        """Who holds which identifier."""
        once = marked = stand = True
        code = "hash(identifier_type, value)"
        columns = (code, "hash(customer_id)", "coalesce(held_by, 0)", "coalesce(shared, false)")
        for codes, holders, held_by, shared in self.parts("generation.main.customer_identifiers", columns, code):
            several = (held_by != 1) | shared
            values, places, counts = np.unique(codes[several], return_inverse=True, return_counts=True)
            # the others' values are all different, from one another and from these
            alone = len(distinct(codes)) == len(codes) - len(places) + len(values)
            told = (held_by[several] == counts[places]) & shared[several] & (counts[places] > 1)
            marked = marked and alone and bool(np.all(told))
            keys = codes[several] * np.uint64(3) + holders[several] if alone else codes * np.uint64(3) + holders
            once = once and not alike(keys)
            stand = stand and among(holders, self.customers.codes)
        return Holders(once, stand, marked)

    @cached_property
    def consents(self) -> Holders:
        """Who said what of which purpose and channel."""
        keys, holders = self.columns("""
            SELECT hash(customer_id, purpose, channel), hash(customer_id) FROM generation.main.customer_consents""")
        return Holders(not alike(keys), among(holders, self.customers.codes))

    @cached_property
    def history(self) -> tuple[Codes, bool]:
        """The ids that the published history tells of, in order, and whether all of them answer as who stands."""
        codes, stands_as, lacking = self.columns("""
            SELECT hash(customer_id), hash(stands_as), stands_as IS NULL
            FROM generation.main.customer_id_history""")
        return distinct(codes), not np.any(lacking) and among(stands_as, self.customers.codes)

    @cached_property
    def linked(self) -> Pairs:
        """The published pairs."""
        return self.pairs("generation.main.match_pairs", ("left_number", "right_number"), self.published)

    @cached_property
    def links_are_told(self) -> bool:
        """Whether as many pairs are told of as accepted as there are within one customer."""
        accepted = "SELECT count(*) FROM generation.main.match_pairs WHERE status = 'accepted'"
        return self.scored.known and self.scored.inside == whole_number(self._connection, accepted)
