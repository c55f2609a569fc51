"""The relations of the warehouse that tell of runs, of what they refused, and of the warehouse itself."""

from __future__ import annotations

from profile_service.store.relation import ID, MOMENT, relation

REJECTED_ROWS = relation(
    "rejected_rows",
    "Rows that broke their feed's contract, as sent, with every reason.",
    "",
    ("run_id", "VARCHAR", "The run that met the row."),
    ("channel", "VARCHAR", "The channel that sent it."),
    ("kind", "VARCHAR", "customers or events."),
    ("file", "VARCHAR", "The landing file."),
    ("line", "BIGINT", "The line or row number in it."),
    ("row_as_sent", "VARCHAR", "The row itself."),
    ("reasons", "VARCHAR[]", "Everything that is wrong with it."),
)

RUNS = relation(
    "runs",
    "Each run whose result this generation holds.",
    "run_id",
    ("run_id", ID, "The run."),
    ("run_seq", "INTEGER", "Its number: 1, 2, 3 and so on."),
    ("state", "VARCHAR", "published, or failed."),
    ("started_at", MOMENT, "When it began."),
    ("ended_at", MOMENT, "When it ended; null for the run that made this generation."),
    ("model_version", "VARCHAR", "The model it used."),
    ("counts", "VARCHAR", "Its counts, as JSON."),
    ("durations", "VARCHAR", "Seconds per stage, as JSON."),
    ("inputs", "VARCHAR", "The files it read, as JSON."),
    ("warnings", "VARCHAR", "What it warned of, as JSON."),
)

DATA_DICTIONARY = relation(
    "data_dictionary",
    "Every relation and column with its meaning: this table.",
    "relation column_name",
    ("relation", ID, "The relation."),
    ("column_name", "VARCHAR", "The column; null for the relation itself."),
    ("position", "INTEGER", "The column's place; 0 for the relation itself."),
    ("type", "VARCHAR", "The column's type."),
    ("is_key", "BOOLEAN", "Part of the relation's key."),
    ("meaning", "VARCHAR", "What it means."),
)
