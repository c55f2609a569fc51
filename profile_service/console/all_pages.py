"""Every page of the console, registered on its blueprint."""

from __future__ import annotations

from profile_service.console import customer, find, sign_in, words
from profile_service.console.pages import console

__all__ = ["console", "customer", "find", "sign_in", "words"]
