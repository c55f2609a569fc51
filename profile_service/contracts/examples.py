"""A body for every call that takes one, as a person would send it: what the documentation shows, and fills in to try.

The people in them are invented; a test loads each by its schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RECORD = "web:W00000112"
_OTHER_RECORD = "store:S00000045"
_CUSTOMER = "cus_01M8BKQHJK01KD39WN4B95J1BD"

# The schema's name = a body that it takes.
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "Lookup": {
        "identifiers": [
            {"type": "email", "value": "Ignatius.Sudkin+news@Yahoo.com"},
            {"type": "phone", "value": "(505) 617-8879"},
        ]
    },
    "Search": {"query": "sudkinn ignat 80236", "limit": 10},
    "RecordSent": {
        "channel": "web",
        "source_record_id": "W-2026-000184",
        "given_name": "Ignatius",
        "family_name": "Sudkin",
        "email": "ignatius.sudkin@example.com",
        "phone": "+1 505 617 8879",
        "birth_date": "1984-03-09",
        "street": "12 Alder Court",
        "city": "Denver",
        "region": "CO",
        "postcode": "80236",
        "country": "US",
        "marketing_consent": "yes",
        "updated_at": "2026-11-21T08:00:00Z",
    },
    "EventsSent": {
        "events": [
            {
                "channel": "web",
                "event_id": "order-88120",
                "source_record_id": "W-2026-000184",
                "event_type": "purchase",
                "occurred_at": "2026-11-21T08:14:00Z",
                "amount": "49.90",
                "currency": "USD",
            }
        ]
    },
    "ConsentsSent": {
        "consents": [
            {"purpose": "marketing", "channel": "web", "consent": "no", "stated_at": "2026-11-21T08:20:00Z"},
        ]
    },
    "ReviewDecision": {"verdict": "same", "reason": "Confirmed on the phone.", "preview": True},
    "Merge": {"customer_ids": [_CUSTOMER], "reason": "One person under two cards.", "preview": True},
    "Split": {"records": [_RECORD, _OTHER_RECORD], "reason": "Two people at one address.", "preview": True},
    "Decision": {"reason": "Decided about the wrong person.", "preview": True},
    "RulingSent": {
        "field": "phone",
        "value": "(212) 555-0100",
        "verdict": "generic",
        "reason": "The switchboard of the shop in Main Street.",
    },
    "RulingReason": {"reason": "Ruled on the wrong number."},
    "CallSent": {
        "event": "newCall",
        "from": "+15056178879",
        "to": "+13035550100",
        "direction": "in",
        "callId": "b7b1f5a4",
    },
}
