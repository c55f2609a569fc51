"""What SQL does for everyone is what Python does for one record or one pair."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.compare import compare_pairs
from pipelines.engines.duckdb_engine import DuckDBEngine
from pipelines.mailbox import read_mailboxes
from pipelines.read import read_with
from pipelines.score import score_pairs, score_patterns
from pipelines.work import CONTRACT_FIELDS, RECORD_FIELDS
from profile_service.identity.compare import RULES, compare_pair, level_sql
from profile_service.identity.mixture import LOG2
from profile_service.identity.model import Frequencies, Model, packaged_model
from profile_service.identity.records import STANDARD_COLUMNS, RawRecord, StandardisedRecord
from profile_service.identity.score import score_pair
from profile_service.identity.standardise import standardise_record
from profile_service.identity.weigh import Scales
from tests.linkage_world import Learned, LinkageWorld, standardised_table

QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

realistic: dict[str, list[str]] = {
    "given_name": [
        "Bob",
        "ROBERT",
        "Mr Robert J",
        "Josè",
        "Mary-Jane",
        "guest",
        "Nan",
        "Smith",
        "Smiht",
        "Владимир",
        "Jr",
        "J.",
    ],
    "family_name": [
        "Smith",
        "O'Brien-Jones",
        "van der Berg",
        "Smith Jr",
        "Robert",
        "Robret",
        "nan",
        "Smyth",
        "Sr",
        "Müller",
    ],
    "middle_name": ["James", "J", "n/a", "Mary Ann"],
    "full_name": ["Robert James Smith", "Ludwig van Beethoven", "Cher", "Mr Smith", "Nan Lee", "nan Lee"],
    "email": [
        "Bob.Smith+x@GMail.com",
        "no.email@gmail.com",
        "bob@x",
        "b@yaho.com",
        "a@b.co.uk",
        "ü@ö.de",
        "a+b@x.org",
        "robert.smith@x.org",
        "maryjones@x.org",
        "thesmiths@x.org",
        "smithr@x.org",
    ],
    "phone": ["(212) 555-0123", "+44 (0)20 7946 0000", "0044 20 79460000", "2125550123 x12", "12345", "1111111111"],
    "birth_date": ["1980-05-17", "1900-01-01", "17/05/1980", "1980-05-17 00:00"],
    "street": ["12 Main Street, Apt 4", "Main St. 12b", "n/a", "Hauptstraße 5", "Flat 2", "North"],
    "street_2": ["Apt 4", "unknown", "9 Church Lane", "Church Lane N", "Church St Flat 2"],
    "city": ["Saint Louis", "München", "N/A", "IN"],
    "region": ["California", "North", "CA", "-"],
    "postcode": ["12345-6789", "2480.0", "SW1A 1AA", "00000"],
    "country": ["US", "u.k.", "Deutschland", "Atlantis", "zz", "N/A"],
    "sex": ["Female", "m", "unknown", "other"],
    "birth_place": ["Mount Vernon", "x"],
    "occupation": ["Clerk", "unknown"],
    "loyalty_id": ["LC-000123", "000000", "none", "ab"],
    "cookie_id": ["c-81239-Ä", "unknown"],
    "device_id": ["tablet 0001"],
}
arbitrary = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)


@st.composite
def sent(draw: st.DrawFn) -> dict[str, str | None]:
    """What one record says: ordinary values mostly, some arbitrary text, much missing."""
    fields = {}
    for name, known in realistic.items():
        fields[name] = draw(st.one_of(st.none(), st.sampled_from(known), st.sampled_from(known), arbitrary))
    return fields


@settings(QUICK, max_examples=12)
@given(rows=st.lists(sent(), min_size=1, max_size=12))
def test_everyone_is_standardised_as_each_one(learned: Learned, rows: list[dict[str, str | None]]) -> None:
    records = [RawRecord("web", str(number), fields) for number, fields in enumerate(rows)]
    _same_standard_values(learned, records)


def test_the_whole_sample_is_standardised_as_each_one(learned: Learned) -> None:
    _same_standard_values(learned, learned.records)


def _same_standard_values(learned: Learned, records: list[RawRecord]) -> None:
    with LinkageWorld(learned.models) as world:
        world.put(records)
        read_with(world.work, "records", learned.model)
        world.work.execute("CREATE TABLE withheld (rid INTEGER, field VARCHAR, value VARCHAR)")
        read_mailboxes(world.work, learned.model, "fresh_standardised")
        found = world.all(
            f"SELECT channel, source_record_id, {', '.join('s.' + name for name in STANDARD_COLUMNS)} "
            "FROM fresh_standardised s JOIN records USING (rid)"
        )
    everyone = {(row[0], row[1]): dict(zip(STANDARD_COLUMNS, row[2:], strict=True)) for row in found}
    for record in records:
        one = standardise_record(record, learned.model, {})
        theirs = everyone[record.channel, record.source_record_id]
        assert {k: (v, theirs[k]) for k, v in one.values.items() if v != theirs[k]} == {}


def test_every_bin_generic_value_and_level_of_the_sample_is_each_ones(learned: Learned) -> None:
    model = learned.model
    with LinkageWorld(learned.models) as world:
        world.put(learned.records)
        world.resolve()
        generic: dict[str, set[str]] = {}
        for field, value in world.all("SELECT field, value FROM generic_values"):
            generic.setdefault(field, set()).add(value)
        names = dict(world.all("SELECT rid, channel || ':' || source_record_id FROM records"))
        binned = model.binned
        stored = world.all(f"SELECT rid, {', '.join(f'{column}_bin' for column in binned)} FROM standardised")
        pairs = world.all("SELECT l, r, pattern, bits FROM scored_pairs ORDER BY hash(l, r) LIMIT 1500")
    ones = {record.key: standardise_record(record, model, generic) for record in learned.records}
    assert [names[row[0]] for row in stored if tuple(ones[names[row[0]]].bins.values()) != row[1:]] == []
    for left, right, pattern, bits in pairs:
        levels = compare_pair(ones[names[left]], ones[names[right]], model)
        assert model.pack(levels) == pattern
        assert score_pair(levels, model).bits == pytest.approx(bits, abs=1e-3)


@settings(QUICK, max_examples=12)
@given(rows=st.lists(sent(), min_size=2, max_size=12))
def test_one_record_weighs_against_many_what_each_pair_weighs(
    learned: Learned, rows: list[dict[str, str | None]]
) -> None:
    model = learned.model
    assert model.trained is not None
    first, *others = (
        standardise_record(RawRecord("web", str(at), fields), model, {}) for at, fields in enumerate(rows)
    )
    one_by_one = [model.trained.mixture.log_odds(np.array([compare_pair(first, other, model)])) for other in others]
    expected = [float(np.float32(odds[0] / LOG2)) for odds in one_by_one]
    scales = Scales(model)
    for _ in ("never asked", "asked before"):
        assert scales.weigh(first, [other.values for other in others]) == expected


# Few letters, so that values agree in part; rules see only ASCII without separators other than a space.
words = st.text("abcd", min_size=1, max_size=7)
phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)
days = st.builds(
    "{:04d}-{:02d}-{:02d}".format, st.sampled_from([1979, 1980, 1897]), st.integers(1, 12), st.integers(1, 31)
)
ascii_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=14)
LEVELS = [
    (f"{comparison.name}: {level.name}", level)
    for comparison in packaged_model().comparisons
    for level in comparison.levels
]


def test_every_rule_is_used_by_the_packaged_model() -> None:
    assert {level.rule for _, level in LEVELS} == RULES.keys()


@st.composite
def people(draw: st.DrawFn) -> StandardisedRecord:
    """A record of arbitrary standard values and bins."""
    texts: dict[str, str | None] = {}
    for column in STANDARD_COLUMNS:
        value = days if column == "birth_date" else st.one_of(words, phrases, ascii_texts)
        texts[column] = draw(st.none() | value)
    columns = packaged_model().binned
    bins: dict[str, int] = {}
    for column in columns:
        bins[column] = draw(st.integers(0, 5))
    return StandardisedRecord("store", "1", texts, bins)


def _equal_in_part(rows: list[StandardisedRecord], random: Any) -> list[StandardisedRecord]:
    """The records, and as many that mix two of them; equal values have equal bins, as counting gives them."""
    mixed = []
    for _ in rows:
        a, b = random.choice(rows), random.choice(rows)
        texts = {column: random.choice((a, b))[column] for column in STANDARD_COLUMNS}
        if random.random() < 0.3:
            texts["given_fixed"], texts["family_fixed"] = a["family_fixed"], a["given_fixed"]
        mixed.append(StandardisedRecord("store", "1", texts, {}))
    first: dict[tuple[str, str | None], int] = {}
    everyone = []
    for row in (*rows, *mixed):
        bins = {c: first.setdefault((c, row[c]), row.bins.get(c, 5)) for c in rows[0].bins}
        everyone.append(StandardisedRecord("store", "1", row.values, bins))
    return everyone


@settings(QUICK, max_examples=10)
@given(rows=st.lists(people(), min_size=2, max_size=8), random=st.randoms(use_true_random=False))
def test_every_level_pattern_and_score_of_everyone_is_each_pairs(
    learned: Learned, rows: list[StandardisedRecord], random: Any
) -> None:
    everyone = _equal_in_part(rows, random)
    with LinkageWorld(learned.models) as world:
        _same_levels(world, _that_has_counted(everyone, learned.model), everyone)
    with LinkageWorld(learned.models) as world:
        # what has counted nothing takes every value for one of the rarest
        rarest = [StandardisedRecord("store", "1", row.values, dict.fromkeys(row.bins, 5)) for row in everyone]
        _same_levels(world, packaged_model(), rarest)


def _that_has_counted(everyone: list[StandardisedRecord], model: Model) -> Model:
    """The model with frequencies by which every value falls into the bin that its record says."""
    assert model.trained is not None
    bounds, total = model.settings["frequency"]["bins"], 1_000_000
    counted = {
        column: Frequencies(
            total,
            {
                value: int(bounds[row.bins[column]] * total) + 1
                for row in everyone
                if (value := row[column]) is not None and row.bins[column] < len(bounds)
            },
        )
        for column in everyone[0].bins
    }
    return replace(model, trained=replace(model.trained, frequencies={**model.trained.frequencies, **counted}))


def _same_levels(world: LinkageWorld, model: Model, everyone: list[StandardisedRecord]) -> None:
    standardised_table(world.work, model, everyone)
    world.work.execute("CREATE TABLE pairs AS SELECT a.rid AS l, b.rid AS r FROM standardised a, standardised b")
    expected = {
        (a, b): compare_pair(left, right, model) for a, left in enumerate(everyone) for b, right in enumerate(everyone)
    }
    world.work.execute("CREATE TABLE falling AS FROM pairs WHERE l > r")
    for everyones_levels in (compare_pairs, DuckDBEngine().compare_pairs):
        everyones_levels(world.work, model, {"pairs": "compared", "falling": "falling_compared"})
        found = {(a, b): pattern for a, b, pattern in world.all("SELECT * FROM compared")}
        assert found == {pair: model.pack(levels) for pair, levels in expected.items()}
        falling = {(a, b): pattern for a, b, pattern in world.all("SELECT * FROM falling_compared")}
        assert falling == {(a, b): pattern for (a, b), pattern in found.items() if a > b}
    each = ", ".join(level_sql(comparison, model) for comparison in model.comparisons)
    numbers = world.all(
        f"SELECT p.l, p.r, {each} FROM pairs p JOIN standardised l ON l.rid = p.l JOIN standardised r ON r.rid = p.r"
    )
    assert {(a, b): tuple(levels) for a, b, *levels in numbers} == expected
    assert all(model.unpack(model.pack(levels)) == levels for levels in expected.values())
    if model.trained is None:
        return
    score_patterns(world.work, model, "compared")
    score_pairs(world.work, "compared")
    for a, b, bits, probability in world.all(
        "SELECT l, r, p.bits, q.probability FROM scored_pairs p JOIN patterns q USING (pattern)"
    ):
        score = score_pair(expected[a, b], model)
        assert score.bits == pytest.approx(bits, abs=1e-3)
        assert score.probability == pytest.approx(probability, abs=1e-6)


@settings(QUICK, max_examples=40)
@given(
    pool=st.lists(st.one_of(words, phrases, ascii_texts), min_size=1, max_size=6),
    dates=st.lists(days, min_size=1, max_size=6),
    random=st.randoms(use_true_random=False),
)
def test_a_rule_holds_in_sql_exactly_when_it_holds_in_python_and_never_cares_for_sides(
    pool: list[str], dates: list[str], random: Any
) -> None:
    model = packaged_model()
    bins = dict.fromkeys(model.binned, 0)
    rows = []
    for _ in range(12):
        texts = {c: random.choice([None, *(dates if c == "birth_date" else pool)]) for c in STANDARD_COLUMNS}
        rows.append(StandardisedRecord("store", "1", texts, bins))
    conditions = ", ".join(f"coalesce({RULES[level.rule].sql(level)}, false)" for _, level in LEVELS)
    with duckdb.connect() as work:
        standardised_table(work, model, rows)
        found = work.execute(f"SELECT l.rid, r.rid, {conditions} FROM standardised l, standardised r").fetchall()
    for left, right, *held in found:
        a, b = rows[left], rows[right]
        expected = {name: RULES[level.rule].holds(a, b, level) for name, level in LEVELS}
        assert dict(zip(expected, held, strict=True)) == expected
        assert {name: RULES[level.rule].holds(b, a, level) for name, level in LEVELS} == expected


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("8157 sparrow rd", "8201 sparrow rd"),
        ("2716 patrick st", "2336 patrick st"),
        ("3940 meadow ave", "3848 meadow ave"),
    ],
)
def test_a_similarity_of_just_the_bound_is_near_in_sql_and_in_python(left: str, right: str) -> None:
    level = next(level for name, level in LEVELS if name == "street: close")
    assert level.at_least == 0.92
    with duckdb.connect() as work:
        sides = f"(SELECT '{left}' AS street) l, (SELECT '{right}' AS street) r"
        everyone = work.execute(f"SELECT {RULES[level.rule].sql(level)} FROM {sides}").fetchall()
    assert everyone == [(True,)]
    assert RULES[level.rule].holds({"street": left}, {"street": right}, level)


@settings(QUICK, max_examples=15)
@given(rows=st.lists(sent(), min_size=1, max_size=4))
def test_standard_values_sent_again_are_the_standard_values(
    learned: Learned, rows: list[dict[str, str | None]]
) -> None:
    for fields in rows:
        once = standardise_record(RawRecord("web", "1", fields), learned.model, {})
        again = {name: once.values.get(name) for name in RECORD_FIELDS if name != "full_name"}
        again["middle_name"] = once["middle_name"]
        if once["suffix"] and once["family_name"]:
            again["family_name"] = f"{once['family_name']} {once['suffix']}"
        twice = standardise_record(RawRecord("web", "1", again), learned.model, {})
        kept = [name for name in CONTRACT_FIELDS if name in STANDARD_COLUMNS]
        assert {name: twice[name] for name in kept} == {name: once[name] for name in kept}
