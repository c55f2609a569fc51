"""Every page of the console, registered on its blueprint."""

from __future__ import annotations

from profile_service.console import (
    correct,
    customer,
    find,
    generic,
    overview,
    people,
    privacy_desk,
    provider,
    review_desk,
    ringing,
    sign_in,
    verify_caller,
    words,
)
from profile_service.console.pages import console
from profile_service.console.ringing import telephony

__all__ = [
    "console",
    "correct",
    "customer",
    "find",
    "generic",
    "overview",
    "people",
    "privacy_desk",
    "provider",
    "review_desk",
    "ringing",
    "sign_in",
    "telephony",
    "verify_caller",
    "words",
]
