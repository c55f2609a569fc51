"""Numbers of a report as people read them, the same on a terminal and on a page."""

from __future__ import annotations

from math import floor, log10

from pipelines.model_report.report import (
    LEAST_OF_EACH,
    Compared,
    Interval,
    LabelledBand,
    LevelWeight,
    Measured,
    ModelReport,
)

MOST_PLACEHOLDERS = 40
PLACEHOLDERS = (
    "What was written in place of a value says nothing and counts as missing. Records that came since everyone was "
    "last read count each time they changed."
)
PRIVATE = "It shows values that people share: personal data, shut to other accounts as work/ is."
CAVEAT = (
    "The model judges itself here, pair by pair. What clusters know beyond single pairs is not in it, so labels "
    "usually measure more; two people of one name and birth date it takes for one, which no estimate can show."
)
NOTHING_TO_JUDGE = "No pair of records is linked and none is expected to be one person: there is nothing to judge."
MISSED = (
    "What no blocking rule found is told from how many families of rules found the others (Chao 1987); families that "
    "fail together hide some of it."
)


def count(number: float) -> str:
    """A count in full up to a million, beyond in three digits."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if abs(number) >= 0.9995 * size:
            return f"{number / size:,.{max(0, 3 - len(f'{abs(number) / size:.0f}'))}f} {word}"
    return f"{number:,.0f}"


def percent(share: float | None) -> str:
    """A share in per cent with three digits, and more where it is close to nothing or all; a dash for none."""
    if share is None:
        return "–"
    shown = 100 * share
    if shown <= 0 or shown >= 100:
        return f"{shown:.0f} %"
    edge = min(shown, 100 - shown)
    digits = min(max(1 - floor(log10(edge)), 1), 6)
    if edge < 1e-5:
        return "< 0.00001 %" if shown < 50 else "> 99.99999 %"
    return f"{shown:.{digits}f} %"


def chance(share: float) -> str:
    """A small share as one in so many."""
    if share <= 0:
        return "never"
    return percent(share) if share >= 0.001 else f"1 in {count(1 / share)}"


def short_chance(share: float) -> str:
    """The same where there is little room: 0.25 %, 1:23k."""
    if share >= 0.001:
        return f"{100 * share:.3g} %"
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if share and 1 / share >= 0.9995 * size:
            return f"1:{1 / share / size:.3g}{letter}"
    return "never"


def bits(number: float) -> str:
    """A weight with its sign, to a tenth of a bit."""
    return f"{number:+.1f}"


def interval(found: Interval | None) -> str:
    """A share with its limits; a dash for none."""
    if found is None:
        return "–"
    return f"{percent(found.value)} ({percent(found.low)} to {percent(found.high)})"


def band(of: LabelledBand) -> str:
    """A band of weight in words."""
    if of.low is None:
        return f"below {of.high:+.0f} bits"
    if of.high is None:
        return f"{of.low:+.0f} bits and more"
    return f"{of.low:+.0f} to {of.high:+.0f} bits"


def short_band(of: LabelledBand) -> str:
    """The same where there is little room: -6…-3."""
    if of.low is None:
        return f"< {of.high:g}"
    return f"≥ {of.low:g}" if of.high is None else f"{of.low:g}…{of.high:g}"


def met(level: LevelWeight) -> bool:
    """Whether a level occurs at all: a bin by frequency is empty where no value is so common, or so rare.

    Training leaves such a level 1e-9 of the random pairs, and of the others what a smoothed prior would have.
    """
    return level.u > 2e-9 or level.m > 1e-4


def label(name: str) -> str:
    """A column's name as words."""
    return name.replace("_", " ")


def grey_pairs(report: ModelReport) -> tuple[int, int]:
    """Scored pairs in the grey zone: inside one customer, and across two."""
    low, high = report.grey_zone
    mine = [each for each in report.bands if low <= each.bits < high]
    return sum(each.inside for each in mine), sum(each.across for each in mine)


def grey_zone(report: ModelReport) -> str:
    """What is in doubt, in a sentence."""
    low, high = report.grey_zone
    inside, across = grey_pairs(report)
    return (
        f"Of {count(report.candidates)} candidate pairs {count(inside + across)} lie in the grey zone of {low:+g} to "
        f"{high:+g} bits: {count(inside)} in one customer all the same, {count(across)} kept apart and published as "
        "borderline."
    )


def coverage(share: float, of: str) -> str:
    """How far the labels reach."""
    return f"they cover the weights of {percent(share)} of the {of} pairs"


def unmeasured(measured: Measured) -> str:
    """That these labels measure nothing, and what would; empty where they do."""
    if measured.precision is not None or measured.recall is not None:
        return ""
    return (
        f"Nothing is measured by {several(measured.labels, 'label')}: it takes pairs of records that are there, judged "
        "same or different without contradiction, and not bound by a judgement."
    )


def counted_by(measured: Measured) -> str:
    """What a label counts for."""
    if measured.drawn:
        counts, its = ("counts", "its") if measured.drawn == 1 else ("count", "their")
        drawn = several(measured.drawn, "label")
        return f"{drawn} {counts} by one over {its} sampling probability, stratum by stratum."
    return "Each band of weight counts by how many pairs it has, whichever were asked about."


def asides(measured: Measured) -> list[str]:
    """Labels that say less than the others, a sentence without its stop for each kind."""
    told = (
        (
            measured.undrawn,
            "label says not how it was drawn, beside others that do, and counts in the bands below alone",
            "labels say not how they were drawn, beside others that do, and count in the bands below alone",
        ),
        (
            measured.binding,
            "label binds the clusters as a judgement and counts in the bands below alone",
            "labels bind the clusters as judgements and count in the bands below alone",
        ),
        (measured.unknown, "label names a record that is not there", "labels name a record that is not there"),
        (
            measured.contradicted,
            "pair has labels that contradict each other and count for nothing",
            "pairs have labels that contradict each other and count for nothing",
        ),
        (
            measured.never_met,
            "label is of a pair of one person that no blocking rule found",
            "labels are of pairs of one person that no blocking rule found",
        ),
    )
    return [f"{number:,} {one if number == 1 else many}" for number, one, many in told if number]


def labels_told(measured: Measured) -> str:
    """How many labels there are, and what they say."""
    return (
        f"{several(measured.labels, 'label')}: {several(measured.same, 'pair')} of one person, "
        f"{measured.different:,} of two, {measured.unsure:,} unsure"
    )


def several(number: int, what: str) -> str:
    """A count and what is counted, one or several."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def compared_on(compared: Compared) -> str:
    """What the classifiers are measured on, or how many labels lack."""
    if not compared.classifiers:
        same, different = (f"{count:,}" for count in compared.missing)
        return (
            "Recordlinkage's supervised classifiers are compared with the model once there are "
            f"{LEAST_OF_EACH} labelled pairs of one person and {LEAST_OF_EACH} of two: {same} of one "
            f"person and {different} of two are missing."
        )
    weight = "each counting by one over its sampling probability" if compared.weighed else "each counting once"
    return (
        f"On {compared.same:,} labelled pairs of one person and {compared.different:,} of two, {weight}. The "
        "classifiers learn from four fifths of the labels and are measured on the last fifth, five times; the model "
        "links pairs above 0 bits here and has seen no label. With some hundreds of labels a point or two are chance."
    )
