"""What a truth says of published customers, against counting every pair by hand."""

import json
import random
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import duckdb
import pytest

from pipelines.error_kinds import KINDS
from pipelines.evaluate import evaluate
from profile_service.errors import NotFound, UnusableInput
from profile_service.store.generation import Manifest
from profile_service.store.schema import RELATIONS

Record = dict[str, str | None]


def publish(data_dir: Path, records: list[Record], households: Sequence[str] = ()) -> None:
    """A generation in ``data_dir`` with just these rows of customer_records, and households, the customers of each."""
    folder = data_dir / "generations" / "run_x"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "customers.duckdb")) as warehouse:
        for relation in RELATIONS:
            for statement in relation.create_statements("customers"):
                warehouse.execute(statement)
        for number, record in enumerate(records):
            names = ", ".join(["record_number", *record])
            marks = ", ".join(["?"] * (len(record) + 1))
            warehouse.execute(f"INSERT INTO customer_records ({names}) VALUES ({marks})", [number, *record.values()])
        living = [[f"h{number}", name] for number, household in enumerate(households) for name in household.split()]
        for row in living:
            warehouse.execute("INSERT INTO customer_households (household_id, customer_id) VALUES (?, ?)", row)
    size = (folder / "customers.duckdb").stat().st_size
    Manifest("run_x", 1, "full", None, "x", 1, 1, size, size).write(folder)
    (data_dir / "customers.duckdb").symlink_to(folder / "customers.duckdb")


def record(key: str, customer: str, **standard: str) -> Record:
    channel, source_record_id = key.split(":")
    values = {f"standard_{name}": value for name, value in standard.items()}
    return {"channel": channel, "source_record_id": source_record_id, "customer_id": customer, **values}


def write_truth(path: Path, persons: dict[str, str]) -> Path:
    rows = [",".join([*key.split(":"), person]) for key, person in persons.items()]
    path.write_text("\n".join(["channel,source_record_id,person_id", *rows]) + "\n")
    return path


def test_the_measures_are_those_of_counting_every_pair(tmp_path: Path) -> None:
    draw = random.Random(5)
    keys = [f"{draw.choice(['web', 'store'])}:{number}" for number in range(60)]
    persons = {key: f"p{draw.randrange(25)}" for key in keys}
    customers = {key: f"c{draw.randrange(25)}" for key in keys}
    publish(tmp_path, [record(key, customers[key]) for key in keys])
    evaluation = evaluate(write_truth(tmp_path / "truth.csv", persons), tmp_path)

    pairs = list(combinations(sorted(keys), 2))
    both = sum(persons[a] == persons[b] and customers[a] == customers[b] for a, b in pairs)
    found = sum(customers[a] == customers[b] for a, b in pairs)
    true = sum(persons[a] == persons[b] for a, b in pairs)
    assert evaluation.pairwise.precision == pytest.approx(both / found)
    assert evaluation.pairwise.recall == pytest.approx(both / true)
    assert evaluation.pairwise.f1 == pytest.approx(2 * both / (found + true))

    rightly = [sum(persons[a] == persons[b] and customers[a] == customers[b] for b in keys) for a in keys]
    of_customer = [sum(customers[a] == customers[b] for b in keys) for a in keys]
    of_person = [sum(persons[a] == persons[b] for b in keys) for a in keys]
    assert evaluation.bcubed.precision == pytest.approx(
        sum(x / y for x, y in zip(rightly, of_customer, strict=True)) / 60
    )
    assert evaluation.bcubed.recall == pytest.approx(sum(x / y for x, y in zip(rightly, of_person, strict=True)) / 60)
    assert evaluation.largest_cluster == max(of_customer)
    assert sum(kind.pairs for kind in evaluation.missed) == true - both
    assert sum(kind.pairs for kind in evaluation.false) == found - both


ONE_PAIR = [
    ("the same card wins over all else", {"loyalty_id": "L1", "email": "a@b.c"}, "a loyalty, cookie or device id"),
    ("e-mail and phone", {"email": "a@b.c", "phone": "+491"}, "e-mail and phone"),
    ("phone alone", {"phone": "+491", "given_name": "ann"}, "phone"),
    (
        "names and birth date",
        {"given_name": "ann", "family_name": "lee", "birth_date": "1980-02-03"},
        "both names and birth date",
    ),
    ("both names, one street", {"given_name": "ann", "family_name": "lee", "street": "x"}, KINDS[5][0]),
    ("names alone", {"given_name": "ann", "family_name": "lee"}, "both names only"),
    ("nothing at all", {}, "nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "kind"), [case[1:] for case in ONE_PAIR], ids=[case[0] for case in ONE_PAIR])
def test_an_error_counts_under_the_strongest_thing_its_records_share(
    tmp_path: Path, values: dict[str, str], kind: str
) -> None:
    publish(tmp_path, [record("web:1", "c1", **values), record("store:1", "c2", **values)])
    evaluation = evaluate(write_truth(tmp_path / "truth.csv", {"web:1": "p", "store:1": "p"}), tmp_path)
    (missed,) = evaluation.missed
    assert (missed.shared, missed.pairs, missed.candidates, missed.example) == (kind, 1, None, ("store:1", "web:1"))
    assert evaluation.false == []


def test_a_false_pair_is_told_apart_from_a_missed_one(tmp_path: Path) -> None:
    publish(tmp_path, [record("web:1", "c1", phone="+491"), record("store:1", "c1", phone="+491")])
    evaluation = evaluate(write_truth(tmp_path / "truth.csv", {"web:1": "p", "store:1": "q"}), tmp_path)
    assert [(kind.shared, kind.pairs) for kind in evaluation.false] == [("phone", 1)]
    assert evaluation.missed == []
    assert (evaluation.pairwise.precision, evaluation.pairwise.recall) == (0.0, 1.0)


def test_json_has_what_the_contract_names_and_no_more(tmp_path: Path) -> None:
    publish(tmp_path, [record("web:1", "c1"), record("store:1", "c1")])
    evaluation = evaluate(write_truth(tmp_path / "truth.csv", {"web:1": "p", "store:1": "p"}), tmp_path)
    whole = {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    said = json.loads(json.dumps(evaluation.as_json()))
    assert said == {"records": 2, "pairwise": whole, "bcubed": whole, "largest_cluster": 2}


def test_records_that_only_one_side_knows_are_named_and_not_measured(tmp_path: Path) -> None:
    publish(tmp_path, [record("web:1", "c1"), record("web:2", "c2")])
    evaluation = evaluate(write_truth(tmp_path / "truth.csv", {"web:1": "p", "web:9": "p"}), tmp_path)
    assert evaluation.records == 1
    assert (evaluation.not_published.count, evaluation.not_published.first) == (1, ("web:9",))
    assert (evaluation.not_in_truth.count, evaluation.not_in_truth.first) == (1, ("web:2",))


UNUSABLE = [
    ("no such column", "channel,id\nweb,1\n", "cannot be read"),
    ("empty", "", "cannot be read"),
    ("a record of no person", "channel,source_record_id,person_id\nweb,1,\n", "1 rows without one of"),
    ("a record twice", "channel,source_record_id,person_id\nweb,1,p\nweb,1,q\n", "web:1 more than once"),
    ("of another landing", "channel,source_record_id,person_id\nweb,77,p\n", "truth of another landing"),
]


@pytest.mark.parametrize(("content", "said"), [case[1:] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE])
def test_a_truth_that_cannot_be_used_is_said_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    publish(tmp_path, [record("web:1", "c1")])
    (tmp_path / "truth.csv").write_text(content)
    with pytest.raises(UnusableInput, match=said) as refused:
        evaluate(tmp_path / "truth.csv", tmp_path)
    assert "\n" not in str(refused.value)


def test_before_the_first_run_there_is_nothing_to_evaluate(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="profiles run"):
        evaluate(write_truth(tmp_path / "truth.csv", {"web:1": "p"}), tmp_path)


def write_homes(path: Path, homes: dict[str, str]) -> Path:
    path.write_text("person_id,household_id\n" + "".join(f"{one},{home}\n" for one, home in homes.items()))
    return path


@pytest.mark.parametrize(
    ("told", "precision", "recall"),
    [
        (["ann bob", "cyd dee"], 0.5, 1 / 3),  # cyd and dee do not live together
        (["ann bob eve"], 1.0, 1.0),
        (["ann annie"], 1.0, 0.0),  # one person, taken for two
        (["annie bob", "ann eve"], 1.0, 2 / 3),
        ([], 1.0, 0.0),
    ],
)
def test_households_are_measured_over_pairs_of_people(
    tmp_path: Path, told: list[str], precision: float, recall: float
) -> None:
    customers = {"ann": "P1", "annie": "P1", "bob": "P2", "eve": "P3", "cyd": "P4", "dee": "P5"}
    publish(tmp_path, [record(f"web:{name}", name) for name in customers], told)
    truth = write_truth(tmp_path / "truth.csv", {f"web:{name}": person for name, person in customers.items()})
    homes = {"P1": "H1", "P2": "H1", "P3": "H1", "P4": "H2", "P5": "H3"}
    evaluation = evaluate(truth, tmp_path, write_homes(tmp_path / "homes.csv", homes))
    assert evaluation.households is not None
    assert (evaluation.households.precision, evaluation.households.recall) == pytest.approx((precision, recall))
    assert evaluation.as_json()["households"]["recall"] == pytest.approx(recall)


@pytest.mark.parametrize(
    ("content", "said"), [("a,b\n1,2\n", "cannot be read"), ("person_id,household_id\nP9,H1\n", "nobody")]
)
def test_households_of_others_are_refused_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    publish(tmp_path, [record("web:ann", "ann")])
    homes = tmp_path / "homes.csv"
    homes.write_text(content)
    with pytest.raises(UnusableInput, match=said):
        evaluate(write_truth(tmp_path / "truth.csv", {"web:ann": "P1"}), tmp_path, homes)
