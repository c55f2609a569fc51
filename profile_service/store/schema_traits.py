"""What traits and segments look like in the warehouse: a row a customer, a column a trait, and views over these."""

from __future__ import annotations

from dataclasses import replace

from profile_service.store.relation import ID, MOMENT, Relation, relation
from profile_service.traits import TYPES, Trait, Traits

VALUES = "customer_trait_values"
DEFINITIONS = "trait_definitions"
_CUSTOMER = ("customer_id", ID, "The customer; one without any of the events that traits are counted over has none.")
_NAME = ("name", ID, "The name under which it is declared; see trait_definitions.")


def trait_relations(traits: Traits) -> tuple[Relation, ...]:
    """The relations of a declaration: what is kept, and the views that show it."""
    kept = [trait for trait in traits.traits if not trait.column]
    values = relation(
        VALUES,
        "Traits and segments as of the run: a row a customer with any of the events counted, a column a trait.",
        "customer_id",
        _CUSTOMER,
        *((trait.name, TYPES[trait.measure], _meaning(trait, traits)) for trait in kept),
        ("segments", "VARCHAR[]", "The segments that the customer is in, in the order of their declaration."),
        ("changes_at", MOMENT, "When passing time alone will next change any of this; null when it never will."),
    )
    long = replace(
        relation(
            "customer_traits",
            "Computed traits, a row for each that a customer has, as of the run.",
            "customer_id name",
            _CUSTOMER,
            _NAME,
            ("value", "VARCHAR", "The value as text; a moment in RFC 3339, channels with a comma between."),
            ("number", "DOUBLE", "The value where it is a number; of a list, how many are in it."),
            ("moment", MOMENT, "The value where it is a moment."),
        ),
        query=" UNION ALL ".join(map(_shown, traits.traits)),
    )
    segments = replace(
        relation(
            "customer_segments",
            "Segment membership as of the run, a row for each segment that a customer is in.",
            "customer_id name",
            _CUSTOMER,
            _NAME,
        ),
        query=f"SELECT customer_id, unnest(segments) AS name FROM {VALUES}",
    )
    definitions = relation(
        DEFINITIONS,
        "What each trait and each segment is, in the order of the declaration.",
        "kind name",
        ("kind", ID, "trait or segment."),
        _NAME,
        ("in_words", "VARCHAR", "How people are told of it, with {} for the value; null when they are not."),
        ("of_one", "VARCHAR", "The same of a single one."),
        ("told", "INTEGER", "Its place in the one line in which value is told; null for not in it."),
        ("currency", "VARCHAR", "Of an amount."),
        ("why", "VARCHAR", "What it is for."),
        ("rule", "VARCHAR", "How it is computed, as it is declared."),
    )
    return values, long, segments, definitions


def _meaning(trait: Trait, traits: Traits) -> str:
    return f"{trait.why} In {traits.currency}." if "amount" in trait.measure else trait.why


def _shown(trait: Trait) -> str:
    """The rows of the view of all traits that one of them gives."""
    name, nothing = f'"{trait.column or trait.name}"', "NULL::DOUBLE"
    number, moment = nothing, f"NULL::{MOMENT}"
    value = f"{name}::VARCHAR"
    kind = _type_of(trait)
    if kind == MOMENT:
        value, moment = f"replace(make_timestamp(epoch_us({name}))::VARCHAR, ' ', 'T') || 'Z'", name
    elif kind == "VARCHAR[]":
        value, number = f"array_to_string({name}, ', ')", f"len({name})::DOUBLE"
    elif kind != "VARCHAR":
        number = f"{name}::DOUBLE"
    source = f"customers SEMI JOIN {VALUES} USING (customer_id)" if trait.column else VALUES
    return f"""SELECT customer_id, '{trait.name}' AS name, {value} AS value, {number} AS number, {moment} AS moment
        FROM {source} WHERE {name} IS NOT NULL"""


def _type_of(trait: Trait) -> str:
    if not trait.column:
        return TYPES[trait.measure]
    # the schema is made of these relations
    from profile_service.store.schema import CUSTOMERS

    return next(column.type for column in CUSTOMERS.columns if column.name == trait.column)
