"""A model learns its numbers from the standardised records at hand, without labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import duckdb
import numpy as np

from pipelines.anchor import anchor, look_at_ids
from pipelines.compare import Pairs, level_numbers
from pipelines.engines.engine import Engine
from pipelines.fit import Evidence, Prior, fit_mixture
from pipelines.suspect import suspicious_fit
from pipelines.whole_name import crowding
from pipelines.work import whole_number
from profile_service.identity.compare import takes_part
from profile_service.identity.mixture import CLASSES, SAME_PERSON, Floats, Integers, Part
from profile_service.identity.model import Clustering, Comparison, Model, Outcome

Work = duckdb.DuckDBPyConnection
DRAWN_COMPARED = "drawn_compared"
_SAMPLE = 200_000
_OFTEN = 20
_RARE_PATTERNS = 20_000


def parts_of(model: Model) -> tuple[Part, ...]:
    """The model's comparisons as the mixture sees them."""
    return tuple(
        Part(
            comparison.name,
            comparison.role,
            tuple(outcome.kind for outcome in outcomes),
            tuple(bool(outcome.level and outcome.level.like_names) for outcome in outcomes),
            tuple(outcome.level.most_bits if outcome.level else 0.0 for outcome in outcomes),
            tuple(_said_itself(outcome, outcomes) for outcome in outcomes),
        )
        for comparison, outcomes in zip(model.comparisons, model.outcomes, strict=True)
    )


def _said_itself(near: Outcome, outcomes: Sequence[Outcome]) -> int:
    """The number of the outcome by which the value in a bin of a near level would agree itself; 0 for all others."""
    if near.kind != "near" or near.level is None or not near.level.bins:
        return 0
    same = (at for at, each in enumerate(outcomes) if each.kind == "exact" and each.level and each.bin == near.bin)
    return next((at for at in same if outcomes[at].level.bins == near.level.bins), 0)  # type: ignore[union-attr]


def taking_part(work: Work, model: Model) -> list[str]:
    """Comparisons whose columns are filled often enough and are not one value all over."""
    bounds = model.settings["participation"]
    names = []
    draw_records(work, 20_000, {comparison.columns[0] for comparison in model.comparisons})
    for comparison in model.comparisons:
        column = comparison.columns[0]
        row = work.execute(
            f"""WITH of_value AS (SELECT count(*) AS n FROM drawn_records WHERE {column} IS NOT NULL GROUP BY {column})
            SELECT sum(n), max(n), (SELECT count(*) FROM drawn_records) FROM of_value"""
        ).fetchone()
        assert row is not None
        filled, most, rows = row
        if filled and filled >= bounds["least_filled"] * rows and most < bounds["most_one_value"] * filled:
            names.append(comparison.name)
    work.execute("DROP TABLE drawn_records")
    return names


def draw_records(work: Work, wanted: int, columns: Collection[str]) -> None:
    """Make ``drawn_records``: some columns of about ``wanted`` rows of ``standardised``.

    The same rows whenever it holds the same.
    """
    step = max(1, whole_number(work, "SELECT count(*) FROM standardised") // wanted)
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE drawn_records AS SELECT {', '.join(sorted(columns))} FROM standardised "
        f"WHERE hash(rid) % {step} = 0"
    )


def learn(work: Work, model: Model, compared: str, engine: Engine) -> tuple[Model, list[str]]:
    """Fit ``model`` to the compared candidate pairs and to random pairs; warnings say what looks wrong.

    Needs what was compared of ``draw_pairs``, which is dropped.
    """
    assert model.trained is not None
    records = whole_number(work, "SELECT count(*) FROM standardised")
    evidence = gather_evidence(work, model, compared, records)
    settings = model.settings["mixture"]
    iterations = int(settings["iterations"]) if _judging(model) >= 3 else 0
    prior = Prior.from_settings(settings, records)
    with ThreadPoolExecutor(1) as beside:
        fitted = beside.submit(fit_mixture, evidence, prior, iterations=iterations)
        # what ids say needs no mixture, and what looks wrong in the mixture no ids
        ids = look_at_ids(work, model, compared, engine.found_again)
        mixture = fitted.result()
        doubts = beside.submit(suspicious_fit, evidence, prior, mixture, iterations)
        anchoring = anchor(model, mixture, ids)
        mixture = replace(mixture, anchors=anchoring.anchors)
        warnings = doubts.result()
    partners = float(mixture.shares[list(SAME_PERSON)].sum() * evidence.all_pairs / max(records, 1))
    # weights that ids have put right need no help from dense data
    stop = stop_among(model.clustering, partners) if anchoring.anchors is None else model.clustering.stop
    facts = {
        **model.trained.facts,
        "records": records,
        "anchors": {**anchoring.facts, "said": anchoring.said},
        "expected_pairs": {
            name: float(share * evidence.all_pairs) for name, share in zip(CLASSES, mixture.shares, strict=True)
        },
    }
    return replace(model, trained=replace(model.trained, mixture=mixture, stop=stop, facts=facts)), warnings


def _judging(model: Model) -> int:
    """How many comparisons take part that say of two records that they differ, too."""
    return sum(takes_part(each, model) and not each.agreement_only for each in model.comparisons)


def stop_among(clustering: Clustering, partners: float) -> float:
    """Natural log-odds at which groups join where a record is expected to have so many true partners."""
    lowered = (clustering.stop_dense - clustering.stop) * min(1.0, partners / clustering.dense)
    return round(clustering.stop + lowered, 4)


def gather_evidence(work: Work, model: Model, compared: str, records: int) -> Evidence:
    """What the data says before any class is known, see ``Evidence``."""
    patterns, counts = _thinned(*_met(work, compared))
    drawn, times = _met(work, DRAWN_COMPARED)
    work.execute(f"DROP TABLE {DRAWN_COMPARED}")
    random = level_numbers(model, drawn)
    parts = parts_of(model)
    levels = [level for comparison in model.comparisons for level in comparison.levels]
    counted = {level.column for level in levels if level.kind == "exact" or level.bins}
    counted |= {f"{level.bins}_bin" for level in levels if level.bins}
    draw_records(work, _SAMPLE, counted | {"given_fixed", "family_fixed"})
    own, strangers = [], []
    for place, comparison in enumerate(model.comparisons):
        if comparison.agreement_only:
            itself, others = crowding(work, model)
            own.append(np.concatenate([[0.0], itself]))
            strangers.append(np.concatenate([[0.0], others]))
            continue
        itself = _meeting_itself(work, model, comparison, len(parts[place].kinds))
        own.append(itself)
        strangers.append(_among_strangers(work, model, comparison, np.bincount(random[:, place], times).astype(float)))
    work.execute("DROP TABLE drawn_records")
    return Evidence(
        parts=parts,
        levels=level_numbers(model, patterns),
        counts=counts,
        random=tuple(strangers),
        itself=tuple(own),
        speaking=np.average(random > 0, axis=0, weights=times) if len(random) else np.zeros(len(parts)),
        records=records,
        never_pairs=float(
            whole_number(
                work,
                """SELECT coalesce(sum(n * (n - 1) // 2), 0)::BIGINT
                FROM (SELECT count(*) AS n FROM standardised WHERE apart IS NOT NULL GROUP BY apart)""",
            )
        ),
    )


def _thinned(patterns: Integers, counts: Floats) -> tuple[Integers, Floats]:
    """All frequent patterns, and of the rare ones every k-th counted k times: the fit needs their shares, not each."""
    rare = np.nonzero(counts < _OFTEN)[0]
    step = max(1, len(rare) // _RARE_PATTERNS)
    drawn = rare[::step]
    kept = np.sort(np.concatenate([np.nonzero(counts >= _OFTEN)[0], drawn]))
    weight = np.where(counts < _OFTEN, counts * step, counts)
    return patterns[kept], weight[kept]


def _met(work: Work, compared: str) -> tuple[Integers, Floats]:
    """The patterns of a relation in order, shape (patterns,), and how many pairs have each."""
    rows = work.execute(f"SELECT pattern, count(*) AS n FROM {compared} GROUP BY pattern ORDER BY pattern").fetchnumpy()
    return np.asarray(rows["pattern"], dtype=np.int64), np.asarray(rows["n"], dtype=np.float64)


def draw_pairs(work: Work, model: Model) -> Pairs:
    """Make a relation of random pairs of records, which is to be compared with the candidate pairs before ``learn``.

    The same draw for the same records. Few are drawn by what they hold, whatever the order in which they came: a pair
    more or less matters among few.
    """
    records = whole_number(work, "SELECT count(*) FROM standardised")
    wanted = int(model.settings["mixture"]["random_pairs"])
    held = "hash(name_pair, birth_date, email, phone, street, postcode), " if records <= _SAMPLE else ""
    rids = np.asarray(work.execute(f"SELECT rid FROM standardised ORDER BY {held}rid").fetchnumpy()["rid"])
    if records * (records - 1) // 2 <= 2 * wanted:
        one, other = np.triu_indices(records, 1)
    else:
        draw = f"SELECT hash(i, 1) % {records} AS x, hash(i, 2) % {records} AS y FROM range({wanted}) t(i)"
        places = work.execute(f"SELECT x::BIGINT AS x, y::BIGINT AS y FROM ({draw}) WHERE x <> y").fetchnumpy()
        one, other = np.asarray(places["x"]), np.asarray(places["y"])
    work.register("drawn_pairs", {"l": rids[one], "r": rids[other]})
    work.execute("CREATE OR REPLACE TEMP TABLE drawn AS FROM drawn_pairs")
    work.unregister("drawn_pairs")
    return {"drawn": DRAWN_COMPARED}


def _meeting_itself(work: Work, model: Model, comparison: Comparison, width: int) -> Floats:
    """How exact agreement spreads over frequency bins when a record meets itself, shape (outcomes,).

    So does a near one that has bins; each near level sums to one, as all exact ones do.
    """
    table = np.zeros(width)
    number = 1
    bins = model.bins
    for level in comparison.levels:
        if level.bins:
            rows = work.execute(
                f"SELECT {level.bins}_bin, count(*) FROM standardised WHERE {level.column} IS NOT NULL GROUP BY 1"
            ).fetchall()
            for at, count in rows:
                table[number + at] += count
            if level.kind == "near":
                table[number : number + bins] /= max(table[number : number + bins].sum(), 1.0)
            number += bins
        else:
            table[number] += 1.0
            number += 1
    exact = np.array([outcome.kind == "exact" for outcome in model.outcomes[model.comparisons.index(comparison)]])
    table[exact] /= max(table[exact].sum(), 1.0)
    return table


def _among_strangers(work: Work, model: Model, comparison: Comparison, drawn: Floats) -> Floats:
    """Outcome shares among random pairs where both speak, shape (outcomes,).

    ``drawn``: how many of the random pairs have each outcome, as far as the last that any has.

    Exact agreement is too rare to be met in a draw, and so are swapped names; they are counted from how often each
    value stands in a sample. Of a near level with bins, what an exact one before it takes is left out.
    """
    place = model.comparisons.index(comparison)
    width = model.radices[place]
    met = np.zeros(width)
    met[: len(drawn)] = drawn
    met[0] = 0.0
    smoothed = met + 0.5 * (np.arange(width) > 0)
    smoothed[0] = 0.0
    table = smoothed / smoothed.sum()
    number = 1
    before: dict[tuple[str, int], float] = {}
    bins = model.bins
    for level in comparison.levels:
        if level.kind == "exact" or level.bins:
            counted = _chance_of_agreeing(work, level.column, f"{level.bins}_bin" if level.bins else "0")
            for at in range(bins if level.bins else 1):
                table[number + at] = max(counted.get(at, 0.0) - before.get((level.bins, at), 0.0), 1e-9)
                before[level.bins, at] = counted.get(at, 0.0)
        elif level.rule == "swapped":
            table[number] = _chance_of_swapped(work)
        number += bins if level.bins else 1
    table = np.maximum(table, 1e-10)
    table[0] = 0.0
    result: Floats = table / table.sum()
    return result


def _chance_of_swapped(work: Work) -> float:
    """The chance that each of two random records has the other's given name for a family name.

    Four times that of names that are the same, for nearly the same will do.
    """
    rows = work.execute(
        """WITH given AS (
            SELECT given_fixed AS name, count(*)::DOUBLE AS n FROM drawn_records WHERE name IS NOT NULL GROUP BY 1),
        family AS (
            SELECT family_fixed AS name, count(*)::DOUBLE AS n FROM drawn_records WHERE name IS NOT NULL GROUP BY 1)
        SELECT coalesce(sum(g.n * f.n), 0) / greatest((SELECT sum(n) FROM given) * (SELECT sum(n) FROM family), 1)
        FROM given g JOIN family f USING (name)"""
    ).fetchall()
    return 4 * float(rows[0][0] or 0.0) ** 2


def _chance_of_agreeing(work: Work, column: str, bin_column: str) -> dict[int, float]:
    """Bin = the chance that two random records with a value agree on one in that bin.

    A value that stands in several, an initial that mailboxes complete, counts in the commonest of them.
    """
    rows = work.execute(
        f"""WITH of_value AS (
            SELECT min({bin_column}) AS bin, count(*)::DOUBLE AS n FROM drawn_records
            WHERE {column} IS NOT NULL GROUP BY {column}),
        pairs AS (SELECT greatest(sum(n) * (sum(n) - 1), 1) AS n FROM of_value)
        SELECT bin, sum(v.n * (v.n - 1)) / any_value(pairs.n) FROM of_value v, pairs GROUP BY bin"""
    ).fetchall()
    return {int(at): float(chance) for at, chance in rows}
