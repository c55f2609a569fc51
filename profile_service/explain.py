"""Why a customer's records are one customer: what each pair of them says, what people decided, and who comes near."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from profile_service import deadline
from profile_service.identity.compare import compare_pair
from profile_service.identity.model import Model
from profile_service.identity.score import score_pair
from profile_service.live.standing import Standing
from profile_service.profile import provenance
from profile_service.state import State
from profile_service.store.ledger.overlay_judgements import binding
from profile_service.store.schema import RECORD_FIELDS
from profile_service.store.stored import StoredRecord, moment_text

MOST_LINKS = 200
MOST_OUTSIDE = 10

Pair = tuple[StoredRecord, StoredRecord, float]


def explain_customer(state: State, customer_id: str) -> dict[str, Any] | None:
    """The explanation of a customer that stands, or ``None``.

    ``records``: each with its values by field, as sent and as compared. ``links``: the scored pairs among them, the
    strongest first, at most ``MOST_LINKS``, with what each comparison says in bits; these and ``prior_bits`` add up to
    ``bits``. ``strongest_links``: the fewest of these that hold all records together. ``judgements``: what people
    decided of two of them. ``fields``: where each value comes from. ``sureness``: as the profile has it. ``outside``:
    the strongest pairs with records of other customers, at most ``MOST_OUTSIDE``; of these only the keys are told.
    """
    document = state.profile(customer_id)
    if document is None:
        return None
    standing = Standing(*state)
    records = state.records_of(customer_id)
    mine = {record.ref: record for record in records}
    inside, outside = _pairs(standing, mine)
    model = state.generation.model
    keys = {ref: record.key for ref, record in mine.items()}
    return {
        "customer_id": customer_id,
        "model_version": model.version,
        "records": [record_table(record) for record in records],
        "links": [link_table(pair, model) for pair in inside[:MOST_LINKS]],
        "strongest_links": [[left.key, right.key] for left, right, _ in _tree(inside)],
        "links_total": len(inside),
        "judgements": [
            {
                "left": keys[judgement.ref],
                "right": keys[judgement.other],
                "verdict": judgement.verdict,
                "decision_id": judgement.decision_id,
            }
            for judgement in binding(standing.judgements(list(mine)))
            if judgement.ref in mine and judgement.other in mine
        ],
        "fields": provenance(records, model),
        "sureness": document["sureness"],
        "outside": [{**link_table(pair, model), "customer_id": pair[1].customer_id} for pair in outside[:MOST_OUTSIDE]],
    }


def _pairs(standing: Standing, mine: Mapping[int, StoredRecord]) -> tuple[list[Pair], list[Pair]]:
    """Scored pairs among a customer's records, and its strongest with others, the strongest first."""
    inside: list[Pair] = []
    beyond: list[tuple[float, int, int]] = []
    for ref, partners in standing.pairs(list(mine)).items():
        for other, bits in partners.items():
            if other not in mine:
                beyond.append((-bits, ref, other))
            elif ref < other:
                inside.append((mine[ref], mine[other], bits))
    # twice as many as are told: some may be gone
    nearest = sorted(beyond)[: 2 * MOST_OUTSIDE]
    others = standing.records([other for _, _, other in nearest])
    outside = [(mine[ref], others[other], -bits) for bits, ref, other in nearest if other in others]
    return sorted(inside, key=lambda pair: (-pair[2], pair[0].key, pair[1].key)), outside


def _tree(inside: Iterable[Pair]) -> Iterator[Pair]:
    """Of links, the strongest first, those that join records not yet joined by stronger ones."""
    group: dict[int, set[int]] = {}
    for left, right, bits in inside:
        one, other = (group.setdefault(record.ref, {record.ref}) for record in (left, right))
        if one is not other:
            one |= other
            group.update(dict.fromkeys(other, one))
            yield left, right, bits


def record_table(record: StoredRecord) -> dict[str, Any]:
    """A record with each of its values as sent and as compared."""
    return {
        "channel": record.channel,
        "source_record_id": record.source_record_id,
        "updated_at": moment_text(record.updated_at),
        "authenticated": record.authenticated,
        "values": {
            field: {"value": record.fields.get(field), "compared": record.standard.get(field)}
            for field in RECORD_FIELDS
            if field in record.fields
        },
    }


def link_table(pair: Pair, model: Model) -> dict[str, Any]:
    """A pair with what each comparison says of it, in the model's order."""
    deadline.check()
    left, right, bits = pair
    score = score_pair(compare_pair(left.as_standardised(model), right.as_standardised(model), model), model)
    said: Sequence[dict[str, Any]] = [
        {"comparison": said.comparison, "level": said.level, "bits": round(said.bits, 2)}
        for said in score.contributions
    ]
    return {
        "left": left.key,
        "right": right.key,
        "bits": round(bits, 2),
        "probability": round(score.probability, 6),
        "prior_bits": round(score.bits - sum(each.bits for each in score.contributions), 2),
        "comparisons": said,
    }
