"""What a generation tells of a pair that a steward may judge."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Review:
    """A pair of records that a steward may judge; records as channel:id, ``bits`` the match weight.

    ``value``: what a judgement is worth, the most valuable first: doubt times what hangs on it.
    """

    review_id: str
    left: str
    right: str
    left_customer_id: str
    right_customer_id: str
    status: str
    bits: float
    value: float
