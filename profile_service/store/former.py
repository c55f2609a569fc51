"""An id that was merged away, and a record that had it: should the record part again, the id is its own again."""

from __future__ import annotations

from typing import NamedTuple


class FormerId(NamedTuple):
    """``ref``: the record's number; ``retired_us``: when the id was merged away, microseconds since 1970.

    ``since``: when the id was first given, RFC 3339.
    """

    ref: int
    customer_id: str
    retired_us: int
    since: str
