"""Ordinary practice without a library: match keys in SQL, one fuzzy threshold on the name, connected components."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.benchmarks.judge import components
from tests.benchmarks.peer import Linked, Watch, main
from tests.benchmarks.people import People, live

THRESHOLDS = (0.0, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)  # Jaro-Winkler similarity of the full names
# a contact or a card, or the birth date or place beside a name: what a retailer's match keys usually are
KEYS = (
    ("email",),
    ("phone",),
    ("loyalty_id",),
    ("device",),
    ("given_name", "family_name", "birth_date"),
    ("given_name", "family_name", "postcode"),
    ("family_name", "birth_date", "postcode"),
    ("street", "postcode"),
)
_MOST_HOLDERS = 50  # a key held by more is a shop's own number


def link(people: People, watch: Watch, truth: Path) -> Linked:
    """Pairs that share a key, scored by how alike their names are; a record without a name agrees. No labels."""
    connection = people.connection
    keys = live(KEYS, people.fields)
    with watch.phase("link"):
        pairs = connection.execute(
            f"""WITH named AS (SELECT *, concat_ws(' ', given_name, family_name) AS name FROM people),
            pairs AS ({" UNION ".join(_sharing(key, people.duplicate_free) for key in keys)})
            SELECT l, r, CASE WHEN a.name = '' OR b.name = '' THEN 1 ELSE jaro_winkler_similarity(a.name, b.name) END
                AS alike
            FROM pairs JOIN named a ON a.unique_id = l JOIN named b ON b.unique_id = r"""
        ).fetchnumpy()
    with watch.phase("cluster"):
        kept = pairs["alike"] >= THRESHOLDS[5]
        components(pairs["l"][kept], pairs["r"][kept], people.count)
    return Linked(pairs["l"], pairs["r"], pairs["alike"].astype(np.float32), THRESHOLDS)


def _sharing(key: tuple[str, ...], duplicate_free: bool) -> str:
    columns = ", ".join(key)
    apart = " AND a.channel <> b.channel" if duplicate_free else ""
    filled = " AND ".join(f"{name} IS NOT NULL" for name in key)
    held = f"""SELECT unique_id, channel, {columns} FROM named WHERE {filled}
        QUALIFY count(*) OVER (PARTITION BY {columns}) <= {_MOST_HOLDERS}"""
    return f"""SELECT a.unique_id AS l, b.unique_id AS r FROM ({held}) a JOIN ({held}) b USING ({columns})
        WHERE a.unique_id < b.unique_id{apart}"""


if __name__ == "__main__":
    main(link, __doc__)
