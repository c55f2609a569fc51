"""The ledger: what the service itself writes, as an append-only log with what is derived from it."""

from profile_service.store.ledger.answers import Answer, Request
from profile_service.store.ledger.glance import CURRENT, Glance
from profile_service.store.ledger.ledger import Ledger
from profile_service.store.ledger.log import NOTHING, About, Entry, Log, entry_id
from profile_service.store.ledger.overlay import LiveConsent, LiveEvent, Overlay, OverlayCustomer
from profile_service.store.ledger.overlay_writer import OverlayWriter, StandingCustomer
from profile_service.store.ledger.session import Session
from profile_service.store.ledger.transaction import Transaction

__all__ = [
    "CURRENT",
    "NOTHING",
    "About",
    "Answer",
    "Entry",
    "Glance",
    "Ledger",
    "LiveConsent",
    "LiveEvent",
    "Log",
    "Overlay",
    "OverlayCustomer",
    "OverlayWriter",
    "Request",
    "Session",
    "StandingCustomer",
    "Transaction",
    "entry_id",
]
