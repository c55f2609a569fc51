"""What each audience sees of events, of a search's hits and of an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from marshmallow import Schema, fields, validate

from profile_service.contracts.masks import hidden_fields
from profile_service.contracts.shown import Count, Further, Named, Number, Projection, Text, compiled, veiled
from profile_service.contracts.views import (
    AUDIENCES,
    MOMENT,
    Address,
    FullProvenance,
    Provenance,
    Standing,
    Sureness,
    meanings,
)
from profile_service.store.schema import CUSTOMER_EVENTS, CUSTOMER_RECORDS, CUSTOMERS

_EVENT = meanings(CUSTOMER_EVENTS)
_RECORD = meanings(CUSTOMER_RECORDS)
_CUSTOMER = meanings(CUSTOMERS)


class PageAsked(Schema):
    """Which part of a list."""

    limit = fields.Integer(validate=validate.Range(min=1), metadata={"description": "How many items a page has."})
    cursor = fields.String(metadata={"description": "`next_cursor` of the page before."})


class PageOf(Schema):
    """Where a list goes on."""

    next_cursor = Text("Send it as `cursor` for the next page; null on the last one.")
    has_more = fields.Boolean(metadata={"description": "Whether there is a next page."})


class PageEvent(Schema):
    """An event as a page may know it."""

    channel = Text(_EVENT["channel"])
    event_id = Text(_EVENT["event_id"])
    event_type = Text(_EVENT["event_type"])
    occurred_at = Text(_EVENT["occurred_at"], format=MOMENT)
    amount = Text(_EVENT["amount"])
    currency = Text(_EVENT["currency"])


class AnalystEvent(PageEvent):
    """An event for counting."""

    source_record_id = Text(_EVENT["source_record_id"])


class AgentEvent(AnalystEvent):
    """An event with all that its channel said of it."""

    extra = Further("Whatever else the channel sent with it.")


class Timeline(Schema):
    """Events of all channels, newest first."""

    data = fields.Nested(AgentEvent, many=True, required=True)
    page = fields.Nested(PageOf, required=True)


class Match(Schema):
    """Where a part of the search fits."""

    typed = fields.String(metadata={"description": "The part as typed."})
    how = fields.String(metadata={"description": "How it fits."})
    pointer = fields.String(metadata={"description": "JSON pointer to the value it fits; empty: in a source record."})
    spans = fields.List(
        fields.List(fields.Integer()),
        metadata={"description": "The letters to highlight, each as first and one after the last."},
    )


class Hit(Schema):
    """A customer who fits the search."""

    customer_id = Text(_CUSTOMER["customer_id"])
    full_name = Text(_CUSTOMER["full_name"])
    birth_date = Text(_CUSTOMER["birth_date"])
    email = Text(_CUSTOMER["email"])
    phone = Text(_CUSTOMER["phone"])
    loyalty_id = Text(_CUSTOMER["loyalty_id"])
    address = fields.Nested(Address, allow_none=True)
    channels = fields.List(fields.String(), metadata={"description": _CUSTOMER["channels"]})
    last_seen = Text(_CUSTOMER["last_seen"], format=MOMENT)
    score = Number("How well it fits, 0 to 1.")
    matches = fields.Nested(Match, many=True)


class PageHit(Schema):
    """All that a page may know of a hit."""

    customer_id = Text(_CUSTOMER["customer_id"])
    score = Number("How well it fits, 0 to 1.")


class SearchAnswer(Schema):
    """The customers who fit, the likeliest first."""

    data = fields.Nested(Hit, many=True, required=True)
    found = fields.Integer(required=True, metadata={"description": "About how many fit as well."})
    parts = fields.List(fields.String(), required=True, metadata={"description": "What the search was read as."})


class SentValue(Schema):
    """A value of a source record."""

    value = Text("As the channel sent it.")
    compared = Text("As it is compared; null when it is missing, junk or shared by too many.")


class ExplainedRecord(Schema):
    """A source record with its values."""

    channel = Text(_RECORD["channel"])
    source_record_id = Text(_RECORD["source_record_id"])
    updated_at = Text(_RECORD["updated_at"], format=MOMENT)
    authenticated = fields.Boolean(metadata={"description": "Whether its source has proved who the person is."})
    values = Named(SentValue, meaning="Its values by field.")


class Contribution(Schema):
    """What one comparison says of a pair."""

    comparison = fields.String(metadata={"description": "What is compared."})
    level = fields.String(allow_none=True, metadata={"description": "How it agrees."})
    bits = Number("What that says for one person (positive) or two (negative).")


class Link(Schema):
    """A scored pair of records."""

    left = fields.String(metadata={"description": "A record, as channel:id."})
    right = fields.String(metadata={"description": "The other one."})
    bits = Number("The match weight: log2 of the odds that both are one person.")
    probability = Number("The same as a probability.")
    prior_bits = Number("The weight before anything was compared.")
    comparisons = fields.Nested(Contribution, many=True)


class OutsideLink(Link):
    """A pair with another customer's record."""

    customer_id = Text("The other customer.")


class Verdict(Schema):
    """What a person decided of two records."""

    left = fields.String()
    right = fields.String()
    verdict = fields.String()
    decision_id = fields.String(allow_none=True)


class AgentExplanation(Schema):
    """Why a customer's records are one customer."""

    customer_id = Text(_CUSTOMER["customer_id"])
    model_version = Text("The model that weighed the pairs.")
    records = fields.Nested(ExplainedRecord, many=True)
    links = fields.Nested(Link, many=True)
    strongest_links = fields.List(
        fields.List(fields.String()), metadata={"description": "The fewest links that hold all records together."}
    )
    links_total = Count("How many links there are in all.")
    judgements = fields.Nested(Verdict, many=True)
    fields_ = Named(FullProvenance, key="fields", meaning="Where each value came from, by field.")
    sureness = fields.Nested(Sureness, allow_none=True)
    outside = fields.Nested(OutsideLink, many=True)


class SubjectExplanation(AgentExplanation):
    """The same for the customers themselves: nothing of anybody else."""

    fields_ = Named(Provenance, key="fields", meaning="Where each value came from, by field.")

    class Meta:
        """Pairs with others' records are others' data."""

        exclude = ("outside",)


class PageExplanation(Schema):
    """A page is told how sure it is, no more."""

    customer_id = Text(_CUSTOMER["customer_id"])
    sureness = fields.Nested(Sureness, allow_none=True)


_VIEWS: Mapping[str, Mapping[str, type[Schema]]] = {
    "profile": AUDIENCES,
    "event": {"agent": AgentEvent, "page": PageEvent, "analyst": AnalystEvent, "subject": AgentEvent},
    "hit": {"agent": Hit, "page": PageHit, "analyst": Hit, "subject": PageHit},
    "explanation": {
        "agent": AgentExplanation,
        "page": PageExplanation,
        "analyst": AgentExplanation,
        "subject": SubjectExplanation,
    },
}


def view_class(what: str, audience: str) -> tuple[type[Schema], frozenset[str]]:
    """The schema by which an audience sees something, and the fields it never reads."""
    standing: type[Standing] = AUDIENCES[audience]
    return _VIEWS[what][audience], standing.always_hidden


@lru_cache(maxsize=4096)
def unread_fields(audience: str, mask: frozenset[str]) -> frozenset[str]:
    """The fields that an audience never reads under one key's policy, and all that would tell the same."""
    return hidden_fields(AUDIENCES[audience].always_hidden | mask)


@lru_cache(maxsize=4096)
def view_of(what: str, audience: str, mask: frozenset[str]) -> Projection:
    """The compiled view of ``what`` (profile, event, hit, explanation) for an audience under one key's policy."""
    view, hidden = view_class(what, audience)
    return compiled(veiled(view, hidden | mask)())
