"""A compiled view shows exactly what its schema dumps: the listed fields, and what is hidden as masked objects."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_service.contracts.answers import view_of
from profile_service.contracts.masks import hidden_fields
from profile_service.contracts.published import published_view
from profile_service.contracts.shown import compiled, veiled
from profile_service.contracts.views import AUDIENCES
from profile_service.store import documents
from profile_service.store.schema import IDENTIFIER_FIELDS, RECORD_FIELDS

TEXT = st.none() | st.text(max_size=12) | st.emails()
NAMES = sorted({*RECORD_FIELDS, "address", "full_name"})
COUNT = st.none() | st.integers(0, 9)
ADDRESS = st.fixed_dictionaries(dict.fromkeys(("street", "street_2", "city", "region", "postcode", "country"), TEXT))
SOURCE = {"channel": TEXT, "source_record_id": TEXT, "records": COUNT}
FACT = st.fixed_dictionaries(
    {"value": TEXT, "updated_at": TEXT, "decided_by": TEXT, "distinct_values": COUNT, **SOURCE},
    optional={
        "runners_up": st.none() | st.lists(st.fixed_dictionaries({"value": TEXT, **SOURCE}), max_size=2),
        "new": TEXT,
    },
)
IDENTIFIER = st.fixed_dictionaries(
    {"type": st.sampled_from(IDENTIFIER_FIELDS), "value": TEXT, "records": COUNT, "shared": st.booleans(), "new": TEXT}
)
DOCUMENTS = st.fixed_dictionaries(
    {"customer_id": st.text(max_size=9)},
    optional={
        **dict.fromkeys((*RECORD_FIELDS, "full_name", "first_seen", "as_of", "snapshot_id", "run_id", "new"), TEXT),
        "address": st.none() | ADDRESS,
        "channels": st.lists(st.text(max_size=5), max_size=3),
        "record_count": COUNT,
        "amount_by_currency": st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=2),
        "weakest_link_bits": st.none() | st.floats(-30, 60),
        "fields": st.dictionaries(st.sampled_from([*RECORD_FIELDS, "full_name"]), FACT, max_size=4),
        "identifiers": st.lists(IDENTIFIER, max_size=3),
        "consents": st.lists(st.fixed_dictionaries({"purpose": TEXT, "consent": TEXT, "new": TEXT}), max_size=2),
        "records": st.lists(st.fixed_dictionaries({"channel": TEXT, "updated_at": TEXT, "new": TEXT}), max_size=2),
        "sureness": st.none() | st.fixed_dictionaries({"probability": st.floats(0, 1), "new": TEXT}),
    },
)
SAID = st.text(max_size=9)
# What a generation keeps of a profile: cells, then identifiers, consents and records.
TABLES = st.tuples(
    *(
        st.none() | st.floats(-30, 60) if name == "weakest_link_bits" else TEXT
        for name in documents.PLAIN
        if name != "amount_by_currency"
    ),
    st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=2),
    st.lists(
        st.tuples(
            st.sampled_from(IDENTIFIER_FIELDS), SAID, st.lists(SAID), st.integers(1, 9), TEXT, TEXT, st.booleans()
        ),
        max_size=3,
        unique_by=lambda row: row[:2],
    ),
    st.lists(
        st.tuples(SAID, SAID, TEXT, TEXT, TEXT, TEXT, st.integers(1, 9)), max_size=2, unique_by=lambda row: row[:2]
    ),
    st.lists(st.tuples(st.integers(0, 9), SAID, SAID, TEXT), min_size=1, max_size=3, unique_by=lambda row: row[1:3]),
).map(orjson.dumps)
MASKS = st.frozensets(st.sampled_from(NAMES), max_size=3)


@pytest.mark.parametrize("audience", AUDIENCES)
@settings(deadline=None, max_examples=60)
@given(document=DOCUMENTS, mask=MASKS)
def test_a_compiled_view_equals_its_schema(audience: str, document: dict[str, Any], mask: frozenset[str]) -> None:
    view = AUDIENCES[audience]
    assert view_of("profile", audience, mask)(document) == veiled(view, view.always_hidden | mask)().dump(document)


@pytest.mark.parametrize("audience", AUDIENCES)
@settings(deadline=None, max_examples=60)
@given(table=TABLES, mask=MASKS)
def test_a_published_profile_is_shown_as_its_whole_document_is(
    audience: str, table: bytes, mask: frozenset[str]
) -> None:
    document = {**documents.whole(orjson.loads(table)), "as_of": "now", "snapshot_id": "run_1"}
    shown = published_view(audience, mask)(orjson.loads(table), "now", "run_1")
    assert shown == view_of("profile", audience, mask)(document)


@pytest.mark.parametrize("audience", AUDIENCES)
@settings(deadline=None, max_examples=60)
@given(document=DOCUMENTS, mask=MASKS)
def test_a_field_that_nobody_listed_is_shown_to_nobody(
    audience: str, document: dict[str, Any], mask: frozenset[str]
) -> None:
    shown = orjson.dumps(view_of("profile", audience, mask)(document))
    assert b'"new":' not in shown
    assert b'"run_id":' not in shown


def _values(shown: Any, name: str = "") -> Any:
    """Each (field, value) that stands anywhere in an answer."""
    if isinstance(shown, dict):
        if "masked" in shown:
            return
        fact = shown.get("type") if "type" in shown else name
        for key, inner in shown.items():
            yield from _values(inner, fact if key in ("value", "runners_up") and isinstance(fact, str) else key)
    elif isinstance(shown, list):
        for inner in shown:
            yield from _values(inner, name)
    elif shown is not None:
        yield name, shown


@pytest.mark.parametrize("audience", AUDIENCES)
@settings(deadline=None, max_examples=60)
@given(document=DOCUMENTS, mask=MASKS)
def test_a_hidden_value_stands_nowhere_in_the_answer(
    audience: str, document: dict[str, Any], mask: frozenset[str]
) -> None:
    hidden = hidden_fields(AUDIENCES[audience].always_hidden | mask)
    leaked = [(name, value) for name, value in _values(view_of("profile", audience, mask)(document)) if name in hidden]
    assert not leaked


def test_the_hints_are_those_of_the_documentation() -> None:
    shown = compiled(veiled(AUDIENCES["agent"], {"email", "phone", "birth_date"})())(
        {"email": "jane@example.com", "phone": "+441632960123", "birth_date": "1980-01-02", "loyalty_id": None}
    )
    assert shown == {
        "email": {"masked": True, "hint": "j…@e….com"},
        "phone": {"masked": True, "hint": "…23"},
        "birth_date": {"masked": True, "hint": None},
        "loyalty_id": None,
    }
