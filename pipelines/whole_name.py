"""How many more records hold a whole name than hold others of its kind: learned from everyone, entered beside each."""

from __future__ import annotations

import duckdb
import numpy as np

from profile_service.identity.mixture import Floats
from profile_service.identity.model import WHOLE_NAME, Model

Work = duckdb.DuckDBPyConnection
_BIN = f"{WHOLE_NAME}_bin"


def learn_crowded(work: Work, model: Model) -> dict[int, float]:
    """Hash of each crowded whole name in ``standardised`` = how many times as many hold it as hold names of its kind.

    Names of a kind are those whose given and family name stand in the same frequency bins: what is counted is what
    the two names, each weighed by itself, leave out, since given and family names go together (Linh with Nguyen). As
    many as usual is the mean that a record of the kind meets, sum(n²) / sum(n), and at least what one person leaves.
    Where some have the two names swapped, the more common bins tell the kind.
    """
    rule = model.settings.get("whole_name")
    if rule is None:
        return {}
    kinds = [f"{column}_bin" if column in model.binned else "0" for column in ("given_fixed", "family_fixed")]
    rows = work.execute(
        f"""WITH held AS (
            SELECT hash({WHOLE_NAME}) AS name, min(least({", ".join(kinds)})) AS one,
                min(greatest({", ".join(kinds)})) AS other, count(*) AS n
            FROM standardised WHERE {WHOLE_NAME} IS NOT NULL GROUP BY 1),
        usual AS (
            SELECT one, other, greatest(sum(n * n) / sum(n), {rule["least_usual"]}) AS n FROM held GROUP BY 1, 2)
        SELECT name, held.n / usual.n AS times FROM held JOIN usual USING (one, other)
        WHERE times >= {rule["times"][-1]} ORDER BY name"""
    ).fetchall()
    return {int(name): round(float(times), 2) for name, times in rows}


def enter_whole_names(work: Work, model: Model, table: str) -> None:
    """Put its bin beside each crowded whole name of ``table``; all others are in the last one.

    For complete names: what is generic has gone, and mailboxes have told what they tell.
    """
    crowded = model.trained.crowded if model.trained else {}
    if WHOLE_NAME not in model.binned or not crowded:
        return
    arrays = {
        "name": np.fromiter(crowded, dtype=np.uint64, count=len(crowded)),
        "bin": np.array([model.bin_of_times(times) for times in crowded.values()], dtype=np.uint8),
    }
    work.register("crowded", arrays)
    work.execute(f"UPDATE {table} SET {_BIN} = bin FROM crowded WHERE name = hash({WHOLE_NAME})")
    work.unregister("crowded")


def crowding(work: Work, model: Model) -> tuple[Floats, Floats]:
    """The share of each bin among records with a whole name, and among strangers who share one; shape (bins,) each.

    A person's records meet in a name as often as it is held, strangers times as often as it is crowded.
    """
    # half a record where there is none, lest a bin that nobody fills weigh anything else than its neighbours suggest
    held = np.full(model.bins, 0.5)
    met = 0.5 * np.array([*model.settings["whole_name"]["times"], 1.0])
    crowded = model.trained.crowded if model.trained else {}
    rows = work.execute(
        f"""SELECT hash({WHOLE_NAME}) AS name, {_BIN}, count(*) FROM standardised
        WHERE {_BIN} < {model.bins - 1} GROUP BY 1, 2 ORDER BY name"""
    ).fetchall()
    for name, at, count in rows:
        held[at] += count
        met[at] += count * crowded.get(name, 0.0)
    named = work.execute(f"SELECT count({WHOLE_NAME}) FROM standardised").fetchall()[0][0]
    held[-1] = max(named - held.sum(), 1.0)
    # a handful of records may hold nothing but crowded names: strangers hold some others yet
    met[-1] = max(named - met.sum(), 0.05 * held[-1], 1.0)
    return held / held.sum(), met / met.sum()
