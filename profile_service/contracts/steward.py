"""What stewards and data protection officers send, and what they see of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from marshmallow import Schema, fields, validate

from profile_service.contracts.answers import ExplainedRecord, Link, PageAsked, PageOf
from profile_service.contracts.fields import NO_NUL
from profile_service.contracts.masks import MASKABLE
from profile_service.contracts.shown import Count, Number, Projection, Text, compiled, veiled
from profile_service.contracts.taken import Alias
from profile_service.contracts.views import AUDIENCES

LONGEST_REASON = 500
MOST_IDS = 50
_KEY = validate.Regexp(r"[^\0:]+:[^\0]+\Z", error="is no channel:source_record_id")


def _text(longest: int, meaning: str, *, required: bool = True) -> fields.String:
    checks = [validate.Length(min=1, max=longest), NO_NUL]
    return fields.String(required=required, validate=checks, metadata={"description": meaning})


def _records(least: int) -> fields.List[str]:
    name = fields.String(validate=[_KEY, validate.Length(max=600)])
    length = validate.Length(min=least, max=400)
    said = {"description": "Records as `channel:source_record_id`."}
    if least:
        return fields.List(name, required=True, validate=length, metadata=said)
    return fields.List(name, load_default=list, validate=length, metadata=said)


class Decision(Schema):
    """What every decision says."""

    reason = _text(LONGEST_REASON, "Why. It stands in the audit trail for ever: name no person in it.")
    preview = fields.Boolean(
        truthy={True},
        falsy={False},
        load_default=False,
        metadata={"description": "Tell what would become of the customers, and change nothing."},
    )


class ReviewDecision(Decision):
    """The verdict on what waits for review."""

    verdict = fields.String(
        required=True,
        validate=validate.OneOf(("same", "different")),
        metadata={"description": "`same`: one person. `different`: they are not."},
    )
    records = _records(0)


class Merge(Decision):
    """Customers that are one person."""

    customer_ids = fields.List(
        _text(64, "A customer's id."),
        required=True,
        validate=validate.Length(min=1, max=MOST_IDS),
        metadata={"description": "The customers who are the same person as the one in the path."},
    )


class Split(Decision):
    """Records that are another person's."""

    records = _records(1)


class ReviewPage(PageAsked):
    """Which part of the queue."""

    kind = fields.String(
        load_default="pair",
        validate=validate.OneOf(("pair", "customer", "conflict")),
        metadata={
            "description": "`pair`: two customers who may be one. `customer`: one who may be several. `conflict`: a "
            "decision that later ones contradict."
        },
    )


class Portrait(Schema):
    """A customer as a steward tells it from others."""

    customer_id = Text("The customer; null for one that a preview would make.")
    full_name = Text("Full name.")
    record_count = Count("How many records it has.")
    records = fields.List(fields.String(), metadata={"description": "Its records, as channel:id."})


class Contradicted(Schema):
    """A decision that does not bind."""

    decision_id = Text("The decision that is set aside.")
    verdict = fields.String(metadata={"enum": ["same", "different"]})
    against = fields.List(
        fields.String(), metadata={"description": "The later decisions that together say the opposite of it."}
    )


class ReviewItem(Schema):
    """Something that waits for a person's judgement."""

    review_id = fields.String()
    kind = fields.String(metadata={"enum": ["pair", "customer", "conflict"]})
    left = Text("A record of the pair, as channel:id.")
    right = Text("The other one.")
    bits = Number("The match weight in question: log2 of the odds that it is one person.")
    probability = Number("The same as a probability.")
    value = Number("What a judgement is worth: doubt times what hangs on it.")
    customers = fields.Nested(Portrait, many=True)
    set_aside = fields.Nested(Contradicted, metadata={"description": "Of a conflict: what is set aside, and why."})


class ReviewDetail(ReviewItem):
    """The same with the records side by side."""

    records = fields.Nested(ExplainedRecord, many=True)
    links = fields.Nested(Link, many=True)


class Reviews(Schema):
    """The queue, the most valuable first."""

    data = fields.Nested(ReviewItem, many=True, required=True)
    page = fields.Nested(PageOf, required=True)


class DecidedAnswer(Schema):
    """A decision and what became of the customers."""

    decision_id = Text("To take it back by; null in a preview.")
    action = fields.String(metadata={"enum": ["same", "different", "merge", "split", "undo"]})
    preview = fields.Boolean()
    before = fields.Nested(Portrait, many=True)
    after = fields.Nested(Portrait, many=True)
    retired = fields.Nested(Alias, many=True, metadata={"description": "Ids that answer through another now."})
    snapshot_id = fields.String()
    entry = fields.Integer(metadata={"description": "The number of the last entry in the log."})


class Judgement(Schema):
    """A decision in the log."""

    decision_id = fields.String()
    action = fields.String(metadata={"enum": ["same", "different", "merge", "split"]})
    at = fields.String()
    by = fields.String(metadata={"description": "The key that decided."})
    reason = Text("Why.")
    customers = fields.List(fields.String(), metadata={"description": "The customers it touched, by the ids of then."})
    undone = fields.Boolean(metadata={"description": "Whether it was taken back."})


class Judgements(Schema):
    """Decisions, the newest first."""

    data = fields.Nested(Judgement, many=True, required=True)
    page = fields.Nested(PageOf, required=True)


class ExportPage(Schema):
    """In which form."""

    format = fields.String(
        load_default="json",
        validate=validate.OneOf(("json", "html")),
        metadata={"description": "`json` for programs, `html` for people."},
    )


class Export(Schema):
    """Everything that is known of one person."""

    customer_id = fields.String(required=True)
    exported_at = fields.String(required=True)
    as_of = fields.String(required=True, allow_none=True)
    snapshot_id = fields.String(required=True)
    profile = fields.Dict(required=True)
    worth = fields.List(
        fields.Dict(),
        required=True,
        metadata={"description": "Traits and segments as the last run computed them, with what each is for."},
    )
    records = fields.List(fields.Dict(), required=True)
    earlier_versions = fields.List(fields.Dict(), required=True)
    events = fields.List(fields.Dict(), required=True)
    decisions = fields.List(fields.Dict(), required=True)
    former_ids = fields.List(fields.String(), required=True)
    accesses = fields.List(fields.Dict(), required=True)


class ErasureAnswer(Schema):
    """How far an erasure is."""

    erasure_id = fields.String(required=True)
    customer_id = fields.String(required=True)
    requested_at = fields.String(required=True)
    records_suppressed = fields.Integer(
        required=True, metadata={"description": "How many records no feed can bring back."}
    )
    state = fields.String(
        required=True,
        metadata={
            "enum": ["invisible", "complete"],
            "description": "`invisible`: gone from every answer. `complete`: gone from every file too.",
        },
    )
    receipt = fields.Dict(
        required=True, allow_none=True, metadata={"description": "What was deleted and where it was looked for."}
    )
    snapshot_id = fields.String()
    entry = fields.Integer()


_VIEWS: Mapping[str, type[Schema]] = {"review": ReviewItem, "review detail": ReviewDetail, "decided": DecidedAnswer}


@lru_cache(maxsize=1024)
def steward_view(what: str, audience: str, mask: frozenset[str]) -> Projection:
    """The compiled view of ``what`` (review, review detail, decided) for an audience under one key's policy."""
    # whoever waits for a judgement is somebody else than the customer who is shown their own data
    hidden = MASKABLE if audience == "subject" else AUDIENCES[audience].always_hidden
    return compiled(veiled(_VIEWS[what], hidden | mask)())
