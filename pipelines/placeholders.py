"""What a run reads as missing although something was written: counted by field and by what was written, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import duckdb

from pipelines.standardise import TEXT_FIELDS
from profile_service.identity.placeholders import why_nothing
from profile_service.identity.vocabulary import packaged_vocabulary

Work = duckdb.DuckDBPyConnection
# What of a dictionary is all missing where nothing was read; of other fields it is ``value``.
_READ = {"given_name": "first", "family_name": "last", "full_name": "coalesce(first, last)"}
_READ |= dict.fromkeys(("street", "street_2"), "line") | {"phone": "value"} | dict.fromkeys(TEXT_FIELDS, "value")


@dataclass(frozen=True)
class Placeholder:
    """What ``records`` records say in ``field`` and count as leaving out; ``value`` is None where it is not told."""

    field: str
    value: str | None
    why: str
    records: int


def enter_placeholders(work: Work, run_seq: int) -> None:
    """Count what the dictionaries hold that was read as missing, and enter it as run ``run_seq``'s."""
    words = packaged_vocabulary()
    unread = " UNION ALL ".join(
        f"SELECT '{field}' AS field, raw, n FROM dict_{field} WHERE {read} IS NULL" for field, read in _READ.items()
    )
    counted: Counter[tuple[str, str | None, str]] = Counter()
    for field, raw, records in work.execute(unread).fetchall():
        nothing = why_nothing(field, raw, words)
        if nothing is not None:
            counted[field, nothing.value, nothing.why] += records
    columns = {name: [what[place] for what in counted] for place, name in enumerate(("field", "value", "why"))}
    each = ", ".join(f"unnest(${name}::VARCHAR[])" for name in columns)
    work.execute(
        f"INSERT INTO placeholder_values SELECT $run, {each}, unnest($records::BIGINT[])",
        {"run": run_seq, "records": list(counted.values()), **columns},
    )


def forget_placeholders(work: Work) -> None:
    """Forget what earlier runs counted: everyone is about to be read anew."""
    work.execute("DELETE FROM placeholder_values")


def placeholders(work: Work, run_seq: int | None = None) -> tuple[Placeholder, ...]:
    """Those of one run, or of all since everyone was last read, the most frequent first; none before the first run."""
    known = work.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'placeholder_values'").fetchall()
    if not known:
        return ()  # a store that is only read, made before they were counted
    rows = work.execute(
        """SELECT field, value, why, sum(records)::BIGINT AS records FROM placeholder_values
        WHERE run_seq = $run OR $run IS NULL GROUP BY ALL ORDER BY records DESC, field, value, why""",
        {"run": run_seq},
    ).fetchall()
    return tuple(Placeholder(*row) for row in rows)


def placeholder_values_sql() -> str:
    """The rows of ``placeholder_values`` in the warehouse, in the order of its columns."""
    return "SELECT run_id, field, value, why, records FROM placeholder_values LEFT JOIN runs USING (run_seq)"
