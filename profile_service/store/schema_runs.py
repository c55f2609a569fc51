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
    ("source_record_id", "VARCHAR", "The record's id within its channel, where one could be read."),
)

GENERIC_VALUES = relation(
    "generic_values",
    (
        "Values held back: too many share them for them to say who anybody is, so that they count as missing. "
        "A value that becomes ordinary again is compared again, and leaves this list."
    ),
    "field value",
    ("field", ID, "The column; name_pair is given and family name together, in alphabetical order."),
    ("value", ID, "The value in its standard form."),
    ("holders", "BIGINT", "How many records hold it."),
    (
        "distinct_family_names",
        "BIGINT",
        (
            "How many different family names they have. A record without one counts by its birth date, contacts and "
            "postcode, and so do all where the value is a name."
        ),
    ),
    ("allowed", "BIGINT", "How many of them the model allows in this column: what is above is held back."),
    ("customers", "BIGINT", "How many customers hold it: so many it could have joined into one."),
    ("pairs", "BIGINT", "How many pairs of records it would have brought together."),
    ("since", MOMENT, "The run that first held it back."),
)

GENERIC_RULINGS = relation(
    "generic_rulings",
    "What stewards ruled on shared values, whatever the counts say, until it is taken back; see generic_values.",
    "field value",
    ("field", ID, "The column; name_pair is given and family name together, in alphabetical order."),
    ("value", ID, "The value in its standard form."),
    ("verdict", "VARCHAR", "generic: it counts as missing. ordinary: it counts, however many share it."),
    ("counted", "BOOLEAN", "Whether it would be generic by the counts alone."),
    ("holders", "BIGINT", "How many records hold it."),
    ("distinct_family_names", "BIGINT", "How many different family names they have, as in generic_values."),
    ("allowed", "BIGINT", "How many of them the model allows in this column."),
    ("author", "VARCHAR", "Who ruled."),
    ("reason", "VARCHAR", "Why."),
    ("ruled_at", MOMENT, "When."),
    ("ruling_id", "VARCHAR", "The ruling, to take it back by."),
)

PLACEHOLDER_VALUES = relation(
    "placeholder_values",
    (
        "What was written in place of a value (Guest, n/a, 000000) and is read as missing, by the run that read it; "
        "a run that reads everyone anew counts all records, and what earlier ones counted goes."
    ),
    "",
    ("run_id", "VARCHAR", "The run that read it; a first run and one with --rebuild read everyone."),
    ("field", "VARCHAR", "The column of customer_records."),
    (
        "value",
        "VARCHAR",
        (
            "What was written, in lower case, of an e-mail address the mailbox; null where it cannot be read: it may "
            "be somebody's own, in a column where it does not belong."
        ),
    ),
    ("why", "VARCHAR", "known placeholder, one character repeated, or not readable."),
    ("records", "BIGINT", "How many of the records that the run read say so."),
)

MATCH_JUDGEMENTS = relation(
    "match_judgements",
    "What people said of two records: stewards' decisions, which bind every run, and labels, which measure.",
    "",
    ("left_record", ID, "One record, as channel:source_record_id."),
    ("right_record", ID, "The other record."),
    (
        "verdict",
        "VARCHAR",
        "same: one person (must-link). different: two (cannot-link). unsure: a label that says neither.",
    ),
    ("kind", "VARCHAR", "decision: made in the service, or by labels that were imported to bind. label: asked for."),
    (
        "standing",
        "VARCHAR",
        (
            "binds: obeyed. superseded: a later decision on the same two records stands. set aside: later decisions "
            "contradict it, see against. waits: a record of it is not there. measures: a label."
        ),
    ),
    ("author", "VARCHAR", "Who said so."),
    ("reason", "VARCHAR", "Why."),
    ("decided_at", MOMENT, "When."),
    ("decision_id", "VARCHAR", "The decision, to take it back by; of a label, its import."),
    ("against", "VARCHAR[]", "Of one set aside: the later decisions that together say the opposite."),
    ("left_customer_id", "VARCHAR", "The left record's customer; null when the record is not there."),
    ("right_customer_id", "VARCHAR", "The right record's customer."),
    ("one_customer", "BOOLEAN", "Whether both are one customer now."),
    ("stratum", "VARCHAR", "Of a label: the stratum that its pair was drawn from."),
    ("sampling_probability", "DOUBLE", "Of a label: with what probability its pair was drawn from its stratum."),
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
