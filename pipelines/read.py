"""Rows of records become rows of standard values with frequency bins: the steps of ``standardise`` in order."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np

from pipelines import frequency, names, standardise
from pipelines.asked import asking
from pipelines.placeholders import enter_placeholders
from pipelines.work import RECORD_FIELDS, whole_number
from profile_service.identity.mixture import CLASSES, Mixture
from profile_service.identity.model import Model, Trained
from profile_service.identity.vocabulary import packaged_vocabulary

Work = duckdb.DuckDBPyConnection
_UNFITTED = Mixture((), np.zeros(len(CLASSES)), ())


def vouched(work: Work) -> str:
    """The relation of everyone's records in which those that nobody vouches for say nothing."""
    if not work.execute("SELECT 1 FROM records WHERE authenticated IS FALSE LIMIT 1").fetchall():
        return "records"
    said = ", ".join(f"CASE WHEN authenticated IS NOT FALSE THEN {name} END AS {name}" for name in RECORD_FIELDS)
    work.execute(f"CREATE OR REPLACE TEMP VIEW vouched_records AS SELECT * REPLACE ({said}) FROM records")
    return "vouched_records"


def lines_in_order(work: Work, rows: str) -> str:
    """The relation of the same rows in which no two lines of an address stand in each other's place.

    A view over ``rows`` and ``reordered(rid, lines)``; ``rows`` itself where no record's do.
    """
    words = packaged_vocabulary()
    standardise.define_line_rule(work, words)
    work.execute(
        f"""CREATE OR REPLACE TEMP TABLE reordered AS SELECT rid, lines FROM (
            SELECT rid, rule_lines(street, street_2) AS lines FROM {rows}
            WHERE street IS NOT NULL AND street_2 IS NOT NULL) WHERE lines IS NOT NULL"""
    )
    if not whole_number(work, "SELECT count(*) FROM reordered"):
        return rows
    work.execute(
        f"""CREATE OR REPLACE TEMP VIEW rows_in_order AS SELECT f.* REPLACE (
            CASE WHEN lines IS NULL THEN street ELSE lines[1] END AS street,
            CASE WHEN lines IS NULL THEN street_2 ELSE lines[2] END AS street_2)
        FROM {rows} f LEFT JOIN reordered USING (rid)"""
    )
    return "rows_in_order"


def read_with(work: Work, fresh: str, model: Model, told_in: int | None = None) -> None:
    """Make ``fresh_standardised`` from relation ``fresh`` with a trained model.

    ``told_in``: the run that tells of what was read as missing, if one does.
    """
    fresh = lines_in_order(work, fresh)
    read_values(work, fresh, model)
    if told_in is not None:
        enter_placeholders(work, told_in)
    work.execute(f"CREATE OR REPLACE TEMP TABLE fresh_standardised ({standardise.standardised_columns(model)})")
    put_together(work, fresh, model, "fresh_standardised")


def read_values(work: Work, fresh: str, model: Model) -> None:
    """Make the dictionaries and names of relation ``fresh`` with a trained model."""
    words = packaged_vocabulary()
    standardise.define_value_rules(work, words)
    standardise.read_values(work, fresh, words, standardise.READ_FIRST)
    _read_further(work, fresh, model)


def _read_further(work: Work, fresh: str, model: Model) -> None:
    """Make the dictionaries of all fields but those of ``READ_FIRST``, and the names."""
    words = packaged_vocabulary()
    with asking() as asked:
        asked.ask_names(work, model)
        asked.ask_streets(work, fresh, words)
        asked.ask_phones(work, fresh, model)
        standardise.read_values(work, fresh, words, standardise.READ_THEN)
        names.read_names(work, fresh, model, asked.names)
        asked.enter_streets(work)
        asked.enter_phones(work)


def read_and_learn(work: Work, fresh: str, model: Model) -> Model:
    """Make the dictionaries and names of relation ``fresh``, learning usual country, spellings and frequencies from it.

    Answers the model with what was learned; its mixture is still to be fitted.
    """
    words = packaged_vocabulary()
    standardise.define_value_rules(work, words)
    standardise.read_values(work, fresh, words, standardise.READ_FIRST)
    learned = names.learn_names(work)
    country = standardise.usual_country(work, fresh)
    everything = [comparison.name for comparison in model.comparisons]
    trained = Trained(_UNFITTED, learned, {}, country, 0.0, {"comparisons": everything})
    model = replace(model, trained=trained)
    _read_further(work, fresh, model)
    counts = {**learned, **frequency.count_frequencies(work, model)}
    return replace(model, trained=replace(trained, frequencies=counts))


def put_together(work: Work, fresh: str, model: Model, into: str) -> None:
    """Append to table ``into`` the standard values of ``fresh`` with their bins; the dictionaries go."""
    bins = frequency.enter_bins(work, model)
    standardise.put_together(work, fresh, model, into, bins)
    standardise.drop_dictionaries(work)
