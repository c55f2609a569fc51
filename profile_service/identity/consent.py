"""What a customer has agreed to, when records disagree: fails closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

YES = "yes"
NO = "no"


@dataclass(frozen=True)
class Statement:
    """What one record says by now: ``said`` is ``yes`` or ``no``, ``stated_at`` since when without a break."""

    said: str
    stated_at: datetime | None


def last_statement(versions: Sequence[Statement]) -> Statement | None:
    """The statement of one record from its versions, oldest first, blanks left out.

    The last word counts, from the version that first said it: a record touched for another reason is no new grant.
    """
    last: Statement | None = None
    for version in versions:
        if last is None or version.said != last.said:
            last = version
    return last


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


# The same over rows ``versions``: cno, rid, channel, source_record_id, said, updated_at, place (order of arrival).
LAST_STATEMENTS_SQL = """WITH placed AS (
        SELECT *, lag(said) OVER by_age AS former, row_number() OVER by_age AS number
        FROM versions WINDOW by_age AS (PARTITION BY rid ORDER BY updated_at NULLS FIRST, place)),
    changes AS (SELECT * FROM placed WHERE former IS DISTINCT FROM said)
    SELECT cno, rid, channel, source_record_id, said, updated_at AS stated_at,
           count(*) OVER (PARTITION BY rid) AS statements
    FROM changes QUALIFY row_number() OVER (PARTITION BY rid ORDER BY number DESC) = 1"""
STANDING_CONSENT_SQL = """CASE
    WHEN count(*) FILTER (said = 'no') = 0 THEN CASE WHEN count(*) FILTER (said = 'yes') > 0 THEN 'yes' END
    WHEN count(*) FILTER (said = 'no' AND stated_at IS NULL) > 0 THEN 'no'
    WHEN max(stated_at) FILTER (said = 'yes') > max(stated_at) FILTER (said = 'no') THEN 'yes'
    ELSE 'no' END"""
