"""Signs, without any truth, that a fit went wrong: each is a sentence for the run's report."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np

from pipelines.fit import Evidence, Prior, fit_mixture
from profile_service.identity.compare import takes_part
from profile_service.identity.mixture import SAME_PERSON, Mixture
from profile_service.identity.model import Model

Work = duckdb.DuckDBPyConnection
# A million records of a retailer with half its fields empty expect .89 of themselves and reach .955: not worth a word.
_LEAST_EXPECTED_F1 = 0.85
# Bits from which two records look surely like one person, 16 to 1: of the less sure pairs that clusters keep apart at a
# million records six in seven are two people, so that cutting them is what clusters are for.
_SURE_BITS = 4.0
# Households and namesakes in plenty keep up to 1 % of those apart where all is well.
_MOST_CUT = 0.03


def suspicious_fit(evidence: Evidence, prior: Prior, mixture: Mixture, iterations: int) -> list[str]:
    """What looks wrong in a fitted mixture: unstable under resampling, or deaf to an identifier."""
    warnings = []
    draw = np.random.default_rng(1).poisson(evidence.counts / 2).astype(np.float64) * 2
    half = replace(evidence, counts=draw)
    again = fit_mixture(half, prior, iterations=iterations // 2)
    pairs, pairs_again = (float(one.shares[list(SAME_PERSON)].sum() * evidence.all_pairs) for one in (mixture, again))
    if evidence.records >= 200 and abs(pairs_again - pairs) > 0.2 * max(pairs, 1.0):
        warnings.append(
            f"the model is unstable: it expects {pairs:,.0f} pairs of one person, and {pairs_again:,.0f} from half the "
            "evidence; more records or another comparison would settle it"
        )
    for place, (part, table) in enumerate(zip(mixture.parts, mixture.probability, strict=True)):
        heard = evidence.speaking[place] > 0 or evidence.levels[:, place].any()
        if part.role in ("contact", "identifier") and heard:
            exact = part.kinds.index("exact")
            weight = np.log2(max(table[0, exact], 1e-12) / max(table[-1, exact], 1e-12))
            if weight < 3.0:
                warnings.append(
                    f"an agreement on {part.name} weighs only {weight:.1f} bits: too many strangers share its values"
                )
    return warnings


def suspicious_participation(model: Model) -> list[str]:
    """Whether a model that has learned from several records has nothing at all to tell two of them by."""
    learned_from = model.trained.facts.get("records", 0) if model.trained else 0
    if learned_from < 2 or any(takes_part(comparison, model) for comparison in model.comparisons):
        return []
    return [
        "no comparison takes part: of the records that the model learned from, every field is left out nearly always "
        "or holds one value nearly always, so that nothing tells one person from another and each record is a customer "
        "of its own; when other records have come in, `profiles train` learns anew"
    ]


def suspicious_clusters(work: Work, model: Model) -> list[str]:
    """What looks wrong in ``new_clusters`` against ``scored_pairs``, over the touched records."""
    assert model.trained is not None
    names = {c.role: place for place, c in enumerate(model.comparisons) if c.role in ("given", "family")}
    differ = " OR ".join(f"{_digit(model, place)} = {model.radices[place] - 1}" for place in names.values()) or "false"
    row = work.execute(
        f"""SELECT count(*) FILTER (WHERE p.bits > {_SURE_BITS}),
            count(*) FILTER (WHERE p.bits > {_SURE_BITS} AND a.cluster <> b.cluster),
            count(*) FILTER (WHERE a.cluster = b.cluster),
            count(*) FILTER (WHERE a.cluster = b.cluster AND ({differ})),
            coalesce(sum(1 / (1 + exp2(-p.bits))) FILTER (WHERE a.cluster = b.cluster), 0),
            coalesce(sum(1 / (1 + exp2(-p.bits))), 0)
        FROM scored_pairs p JOIN new_clusters a ON a.rid = p.l JOIN new_clusters b ON b.rid = p.r""".replace(
            "exp2(", "pow(2, "
        )
    ).fetchone()
    assert row is not None
    sure, cut, linked, disagreeing, right, expected = row
    warnings = []
    if sure >= 100 and cut > _MOST_CUT * sure:
        warnings.append(f"{cut / sure:.0%} of the pairs that look like one person were kept apart by their clusters")
    if linked >= 100 and disagreeing > 0.35 * linked:
        warnings.append(f"{disagreeing / linked:.0%} of the linked pairs disagree on a name")
    if linked >= 100:
        f1 = 2 * right / (linked + expected)
        if f1 < _LEAST_EXPECTED_F1:
            warnings.append(f"by its own probabilities the model expects an F1 of only {f1:.2f}")
    return warnings


def _digit(model: Model, place: int) -> str:
    weight = int(np.prod(model.radices[:place], dtype=np.int64))
    return f"(p.pattern // {weight}) % {model.radices[place]}"
