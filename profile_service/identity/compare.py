"""One pair gets a level per comparison; each rule stands here side by side as SQL and as Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from profile_service.identity.model import Comparison, Level, Model
from profile_service.identity.records import StandardisedRecord

Levels = tuple[int, ...]


class Read(Protocol):
    """The standard values of a record, as a rule reads them."""

    def __getitem__(self, column: str, /) -> str | None:
        """The value of a column, or ``None`` when missing."""


@dataclass(frozen=True)
class Rule:
    """A condition on two records ``l`` and ``r``: for everyone in DuckDB, for one pair in Python.

    Both are symmetric, and neither holds when a value it reads is missing.
    """

    sql: Callable[[Level], str]
    holds: Callable[[Read, Read, Level], bool]


def _both(left: Read, right: Read, column: str) -> tuple[str, str] | None:
    a, b = left[column], right[column]
    return None if a is None or b is None else (a, b)


def _text(test: Callable[[str, str, Level], bool]) -> Callable[[Read, Read, Level], bool]:
    """A rule on one column of both records."""

    def holds(left: Read, right: Read, level: Level) -> bool:
        texts = _both(left, right, level.column)
        return texts is not None and test(*texts, level)

    return holds


def _ends_agree(a: str, b: str) -> bool:
    """The cheap guard before an edit distance: a slip seldom strikes both ends."""
    return a[:1] == b[:1] or a[-1:] == b[-1:]


# A similarity that is a bound itself is a hair less by one library, and not by the other: of street lines one pair in a
# thousand lies there.
_ROUNDED = 1e-9


def _near(a: str, b: str, least: float) -> bool:
    return _ends_agree(a, b) and JaroWinkler.similarity(a, b) >= least - _ROUNDED


def _near_sql(a: str, b: str, least: float) -> str:
    ends = f"left({a}, 1) = left({b}, 1) OR right({a}, 1) = right({b}, 1)"
    return f"(({ends}) AND jaro_winkler_similarity({a}, {b}) >= {least - _ROUNDED})"


def _two_ends_agree(a: str, b: str) -> bool:
    """What one edit leaves of five characters or more: two at one end."""
    return a[:2] == b[:2] or a[-2:] == b[-2:]


def _date_parts(day: str) -> tuple[str, str, str]:
    return day[:4], day[5:7], day[8:10]


def _two_date_parts(a: str, b: str, _: Level) -> bool:
    return sum(x == y for x, y in zip(_date_parts(a), _date_parts(b), strict=True)) >= 2


_TWO_DATE_PARTS_SQL = (
    "((left(l.{0}, 4) = left(r.{0}, 4))::TINYINT + (substr(l.{0}, 6, 2) = substr(r.{0}, 6, 2))::TINYINT "
    "+ (right(l.{0}, 2) = right(r.{0}, 2))::TINYINT >= 2)"
)


def _day_month_swapped(a: str, b: str, _: Level) -> bool:
    year, month, day = _date_parts(a)
    return (year, day, month) == _date_parts(b)


_CROSSED = 0.88  # similarity of a name with the one in the other place: slips, and further words (Robert B)
_STRAIGHT = 0.78  # as names in their own place may be alike


_SWAPPED_SQL = (
    "(l.given_fixed <> r.given_fixed AND ((l.given_fixed = r.family_fixed AND l.family_fixed = r.given_fixed) OR ("
    f"{_near_sql('l.given_fixed', 'r.family_fixed', _CROSSED)} AND "
    f"{_near_sql('l.family_fixed', 'r.given_fixed', _CROSSED)} AND NOT "
    f"{_near_sql('l.given_fixed', 'r.given_fixed', _STRAIGHT)})))"
)


def swapped(left: Read, right: Read) -> bool:
    """Given and family name stand in each other's place, exactly or nearly so."""
    given, family, other_given, other_family = (
        side[name] for side in (left, right) for name in ("given_fixed", "family_fixed")
    )
    if given is None or family is None or other_given is None or other_family is None or given == other_given:
        return False
    if given == other_family and family == other_given:
        return True
    return (
        _near(given, other_family, _CROSSED)
        and _near(family, other_given, _CROSSED)
        and not _near(given, other_given, _STRAIGHT)
    )


RULES: dict[str, Rule] = {
    "same": Rule(
        lambda level: f"l.{level.column} = r.{level.column}",
        _text(lambda a, b, _: a == b),
    ),
    "same_both": Rule(
        lambda level: f"l.{level.column} = r.{level.column} AND l.{level.and_column} = r.{level.and_column}",
        lambda left, right, level: all(
            texts is not None and texts[0] == texts[1]
            for texts in (_both(left, right, level.column), _both(left, right, level.and_column))
        ),
    ),
    "same_start": Rule(
        lambda level: f"left(l.{level.column}, {level.length}) = left(r.{level.column}, {level.length})",
        _text(lambda a, b, level: a[: level.length] == b[: level.length]),
    ),
    "shares_word": Rule(
        lambda level: (
            f"((contains(l.{level.column}, ' ') OR contains(r.{level.column}, ' ') "
            f"OR l.{level.column} = r.{level.column}) AND "
            f"list_has_any(string_split(l.{level.column}, ' '), string_split(r.{level.column}, ' ')))"
        ),
        _text(lambda a, b, _: not set(a.split(" ")).isdisjoint(b.split(" "))),
    ),
    "swapped": Rule(lambda _: _SWAPPED_SQL, lambda left, right, _: swapped(left, right)),
    "initial": Rule(
        lambda level: (
            f"(length(l.{level.column}) = 1 OR length(r.{level.column}) = 1) "
            f"AND left(l.{level.column}, 1) = left(r.{level.column}, 1)"
        ),
        _text(lambda a, b, _: (len(a) == 1 or len(b) == 1) and a[0] == b[0]),
    ),
    "jaro_winkler": Rule(
        lambda level: _near_sql(f"l.{level.column}", f"r.{level.column}", level.at_least),
        _text(lambda a, b, level: _near(a, b, level.at_least)),
    ),
    "damerau": Rule(
        lambda level: (
            f"((left(l.{level.column}, 2) = left(r.{level.column}, 2) OR right(l.{level.column}, 2) = "
            f"right(r.{level.column}, 2)) AND abs(length(l.{level.column}) - length(r.{level.column})) <= "
            f"{level.at_most} AND damerau_levenshtein(l.{level.column}, r.{level.column}) <= {level.at_most})"
        ),
        _text(
            lambda a, b, level: (
                _two_ends_agree(a, b)
                and abs(len(a) - len(b)) <= level.at_most
                and DamerauLevenshtein.distance(a, b) <= level.at_most
            )
        ),
    ),
    "day_month_swapped": Rule(
        lambda level: (
            f"(left(l.{level.column}, 4) = left(r.{level.column}, 4) "
            f"AND substr(l.{level.column}, 6, 2) = substr(r.{level.column}, 9, 2) "
            f"AND substr(l.{level.column}, 9, 2) = substr(r.{level.column}, 6, 2))"
        ),
        _text(_day_month_swapped),
    ),
    "two_date_parts": Rule(lambda level: _TWO_DATE_PARTS_SQL.format(level.column), _text(_two_date_parts)),
    "one_date_part_slipped": Rule(
        lambda level: (
            f"({_TWO_DATE_PARTS_SQL.format(level.column)} "
            f"AND damerau_levenshtein(l.{level.column}, r.{level.column}) <= 1)"
        ),
        _text(lambda a, b, level: _two_date_parts(a, b, level) and DamerauLevenshtein.distance(a, b) <= 1),
    ),
}


def columns_said_before(comparison: Comparison, model: Model) -> list[str]:
    """Columns whose agreement already says what a coarser comparison would: a postcode says its city."""
    columns: list[str] = []
    by_name = {other.name: other for other in model.comparisons}
    finer = comparison.unless
    while finer:
        columns += by_name[finer].columns
        finer = by_name[finer].unless
    return columns


@dataclass(frozen=True)
class Question:
    """A comparison as every pair meets it under one model: what settles it before its levels, and each with its number.

    ``said_before``: columns whose agreement leaves it nothing to say; ``last``: the number of ``differ``, 0 where that
    says nothing.
    """

    comparison: Comparison
    said_before: tuple[str, ...]
    levels: tuple[tuple[int, Level], ...]
    last: int
    model: Model

    def level(self, left: StandardisedRecord, right: Read) -> int:
        """The number of the level on which a pair agrees, 0 for ``missing``; of two agreeing values one has bins."""
        if self._silent(left.values, right):
            return 0
        for number, level in self.levels:
            if RULES[level.rule].holds(left.values, right, level) and self._known_well(left.values, right, level):
                return number + (self._bin(left, right, level.bins) if level.bins else 0)
        return self.last

    def _bin(self, left: StandardisedRecord, right: Read, column: str) -> int:
        """The commoner bin of two values: of one initial, mailboxes may have told either side another name."""
        own = left.bins[column]
        if left.values[column] == right[column]:
            return own
        return min(own, self.model.bin_of(column, right[column]))

    def _known_well(self, left: Read, right: Read, level: Level) -> bool:
        """Whether both values are known as well as the level asks for."""
        if not level.well_known:
            return True
        return all(self.model.knows_well(level.column, side[level.column]) for side in (left, right))

    def _silent(self, left: Read, right: Read) -> bool:
        """Whether it has nothing to say: a value is missing, or a finer comparison has said it."""
        if any(left[column] is None or right[column] is None for column in self.comparison.columns):
            return True
        if self.comparison.unless_swapped and swapped(left, right):
            return True
        return any(left[column] is not None and left[column] == right[column] for column in self.said_before)


def question(comparison: Comparison, model: Model) -> Question:
    """A comparison under a model, worked out once for many pairs."""
    number, levels = 1, []
    for level in comparison.levels:
        levels.append((number, level))
        number += _width(level, model)
    last = otherwise(comparison, number)
    return Question(comparison, tuple(columns_said_before(comparison, model)), tuple(levels), last, model)


def otherwise(comparison: Comparison, number: int) -> int:
    """What a pair gets that agrees on no level: the ``number`` after the last, or 0 where that says nothing."""
    return 0 if comparison.agreement_only else number


def compare_pair(left: StandardisedRecord, right: StandardisedRecord, model: Model) -> Levels:
    """The level number of each comparison, in the model's order; 0 is ``missing``."""
    return tuple(
        question(comparison, model).level(left, right) if takes_part(comparison, model) else 0
        for comparison in model.comparisons
    )


def columns_read(comparison: Comparison, model: Model) -> list[str]:
    """The standard columns that decide a comparison's level, without repetition."""
    columns = [*comparison.columns, *columns_said_before(comparison, model)]
    for level in comparison.levels:
        columns += [column for column in (level.column, level.and_column, level.bins) if column]
    if comparison.unless_swapped or any(level.rule == "swapped" for level in comparison.levels):
        columns += ["given_fixed", "family_fixed"]
    return list(dict.fromkeys(columns))


def takes_part(comparison: Comparison, model: Model) -> bool:
    """Whether training found that the comparison can tell people apart; untrained, every one takes part."""
    return model.trained is None or comparison.name in model.trained.facts["comparisons"]


def _width(level: Level, model: Model) -> int:
    return model.bins if level.bins else 1


def level_sql(comparison: Comparison, model: Model) -> str:
    """The level number of a comparison over rows ``l`` and ``r`` of the standardised table, as a SQL expression."""
    if not takes_part(comparison, model):
        return "0"
    missing = [f"l.{column} IS NULL OR r.{column} IS NULL" for column in comparison.columns]
    if comparison.unless_swapped:
        missing.append(_SWAPPED_SQL)
    missing += [f"l.{column} = r.{column}" for column in columns_said_before(comparison, model)]
    cases = [f"WHEN {' OR '.join(missing)} THEN 0"]
    number = 1
    for level in comparison.levels:
        value = f"{number} + least(l.{level.bins}_bin, r.{level.bins}_bin)" if level.bins else str(number)
        cases.append(f"WHEN {RULES[level.rule].sql(level)}{_known_well_sql(level, model)} THEN {value}")
        number += _width(level, model)
    return f"CASE {' '.join(cases)} ELSE {otherwise(comparison, number)} END"


def _known_well_sql(level: Level, model: Model) -> str:
    if not level.well_known:
        return ""
    rarest = model.bins - 1
    return "".join(f" AND {side}.{level.column}_bin < {rarest}" for side in ("l", "r"))


def pattern_sql(model: Model) -> str:
    """All level numbers of a pair as one BIGINT, the same number that ``Model.pack`` makes."""
    terms = []
    weight = 1
    for comparison, radix in zip(model.comparisons, model.radices, strict=True):
        if takes_part(comparison, model):
            terms.append(f"({level_sql(comparison, model)})::BIGINT * {weight}")
        weight *= radix
    return " + ".join(terms) or "0::BIGINT"
