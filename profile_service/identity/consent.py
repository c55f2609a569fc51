"""What a customer has agreed to, when records disagree: fails closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

YES = "yes"
NO = "no"


@dataclass(frozen=True)
class Statement:
    """A change of mind: ``said`` is ``yes`` or ``no``; a record that repeats itself has stated once."""

    said: str
    stated_at: datetime | None


def standing_consent(statements: Sequence[Statement]) -> str | None:
    """``no`` stands unless a ``yes`` is newer than every ``no``; a ``no`` of unknown time outlives every ``yes``."""
    refusals = [statement.stated_at for statement in statements if statement.said == NO]
    grants = [statement.stated_at for statement in statements if statement.said == YES]
    if not refusals:
        return YES if grants else None
    known = [moment for moment in refusals if moment is not None]
    if len(known) < len(refusals):
        return NO
    newest = max(known)
    return YES if any(moment is not None and moment > newest for moment in grants) else NO


# The same rule over grouped rows with columns said and stated_at.
STANDING_CONSENT_SQL = """CASE
    WHEN count(*) FILTER (said = 'no') = 0 THEN CASE WHEN count(*) FILTER (said = 'yes') > 0 THEN 'yes' END
    WHEN count(*) FILTER (said = 'no' AND stated_at IS NULL) > 0 THEN 'no'
    WHEN max(stated_at) FILTER (said = 'yes') > max(stated_at) FILTER (said = 'no') THEN 'yes'
    ELSE 'no' END"""
