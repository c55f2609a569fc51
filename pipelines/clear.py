"""In a copy, what changed customers had goes, so that what they have now can be written."""

from __future__ import annotations

import duckdb

from pipelines.relations import CHANGED, STALE_EVENTS
from profile_service.store.schema import RELATIONS

Work = duckdb.DuckDBPyConnection
LOST = "lost_identifiers"
_OF_CHANGED = f"customer_id IN (SELECT customer_id FROM {CHANGED})"


def find_stale(work: Work, since: int) -> None:
    """Widen ``publish_customers`` by whoever has lost an event, and keep what of the copy is asked for when it is gone.

    Makes ``lost_identifiers`` and ``stale_events``: those of changed customers as they stand after run ``since``.
    """
    _widen_by_moved_events(work, since)
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE {LOST} AS
        SELECT DISTINCT identifier_type, value FROM generation.main.customer_identifiers WHERE {_OF_CHANGED}""")
    # events without a customer are few: they go and come back, whatever has become of them
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE {STALE_EVENTS} AS
        SELECT channel, event_id FROM generation.main.customer_events WHERE customer_id IS NULL OR {_OF_CHANGED}
        UNION SELECT channel, event_id FROM events WHERE changed_seq > {since}""")


def _widen_by_moved_events(work: Work, since: int) -> None:
    """A changed event may have named another record before: that record's customer has lost it."""
    work.execute(f"""
        INSERT INTO {CHANGED}
        SELECT (SELECT count(*) FROM {CHANGED}) + row_number() OVER (), customer_id, i.standing, i.stands_as,
               i.changed_seq
        FROM (SELECT DISTINCT customer_id FROM generation.main.customer_events SEMI JOIN (
                  SELECT channel, event_id FROM events WHERE changed_seq > {since}) USING (channel, event_id))
        JOIN customer_ids i USING (customer_id) ANTI JOIN {CHANGED} c USING (customer_id)""")


def clear_changed(work: Work, since: int) -> None:
    """Delete from the attached ``generation`` what tells of the customers in ``publish_customers``."""
    work.execute("DELETE FROM generation.main.match_patterns WHERE pattern NOT IN (SELECT pattern FROM patterns)")
    work.execute(f"""
        CREATE OR REPLACE TEMP TABLE stale AS
        SELECT record_number FROM generation.main.customer_records WHERE {_OF_CHANGED}""")
    for pairs in ("match_pairs", "match_merges", "match_near_misses"):
        work.execute(f"""
            DELETE FROM generation.main.{pairs}
            WHERE left_number IN (SELECT record_number FROM stale)
               OR right_number IN (SELECT record_number FROM stale)""")
    work.execute("""
        DELETE FROM generation.main.customer_field_values
        WHERE record_number IN (SELECT record_number FROM stale)""")
    work.execute("DROP TABLE temp.stale")
    for relation in RELATIONS:
        if "customer_id" in relation.column_names and not relation.query and relation.name != "customer_events":
            work.execute(f"DELETE FROM generation.main.{relation.name} WHERE {_OF_CHANGED}")
    work.execute(f"""
        DELETE FROM generation.main.customer_events WHERE customer_id IS NULL OR {_OF_CHANGED}
        OR (channel, event_id) IN (SELECT (channel, event_id) FROM events WHERE changed_seq > {since})""")
