"""A valid row is what marshmallow says; the SQL checks may only ever be stricter."""

import duckdb
import pytest

from pipelines.work import RECORD_FIELDS
from profile_service.contracts.feeds import EventRow, FeedContract, field_names

LONG = "x" * 10_001

# field, value, whether it is valid, and the canonical spelling where it differs
CASES = [
    ("given_name", "Zoë", True, None),
    ("given_name", None, True, None),
    ("given_name", "x" * 10_000, True, None),
    ("given_name", "é" * 10_000, True, None),
    ("given_name", LONG, False, None),
    ("given_name", "a\0b", False, None),
    ("source_record_id", None, False, None),
    ("source_record_id", "", False, None),
    ("birth_date", "1990-02-28", True, None),
    ("birth_date", "1990-02-30", False, None),
    ("birth_date", "0000-01-01", False, None),
    ("birth_date", "1990-2-3", False, None),
    ("birth_date", "19900203", False, None),
    ("birth_date", "1990-02-03T00:00:00Z", False, None),
    ("birth_date", "١٩٩٠-02-03", False, None),
    ("marketing_consent", "yes", True, None),
    ("marketing_consent", "no", True, None),
    ("marketing_consent", "Yes", False, None),
    ("marketing_consent", "true", False, None),
    ("updated_at", "2024-01-02T03:04:05Z", True, "2024-01-02T03:04:05+00:00"),
    ("updated_at", "2024-01-02 03:04:05+01:00", True, "2024-01-02T02:04:05+00:00"),
    ("updated_at", "2024-01-02t03:04:05.1234567z", True, "2024-01-02T03:04:05.123456+00:00"),
    ("updated_at", "2016-12-31T23:59:60Z", True, "2016-12-31T23:59:59+00:00"),
    ("updated_at", "2024-01-02T03:04:05", False, None),
    ("updated_at", "2024-01-02T24:00:00Z", False, None),
    ("updated_at", "2024-02-30T00:00:00Z", False, None),
    ("updated_at", "2024-01-02T03:04:05+24:00", False, None),
    ("updated_at", "2024-01-02T03:04:05+01:60", False, None),
    ("updated_at", "0001-01-01T00:00:00+01:00", False, None),
    ("updated_at", "2024-01-02", False, None),
    ("updated_at", "infinity", False, None),
]
EVENT_CASES = [
    ("event_id", None, False, None),
    ("source_record_id", None, False, None),
    ("amount", "12.5", True, "12.5000"),
    ("amount", "-0.00005", True, "-0.0000"),
    ("amount", "1e3", True, "1000.0000"),
    ("amount", ".5", True, "0.5000"),
    ("amount", "99999999999999.9999", True, None),
    ("amount", "99999999999999.99999", False, None),
    ("amount", "100000000000000", False, None),
    ("amount", "12,50", False, None),
    ("amount", "NaN", False, None),
    ("amount", "1_000", False, None),
    ("amount", "1e999", False, None),
    ("currency", "EUR", True, None),
    ("currency", "eur", False, None),
    ("currency", "EURO", False, None),
    ("occurred_at", "yesterday", False, None),
]
FORMAT_CASES = [
    ("birth_date", "%Y%m%d", "19900203", "1990-02-03"),
    ("birth_date", "%Y%m%d", "1990-02-03", None),
    ("birth_date", "%Y%m%d", "1990203", None),
    ("birth_date", "%d/%m/%Y", "3/2/1990", "1990-02-03"),
    ("birth_date", "%d/%m/%Y", "31/02/1990", None),
    ("birth_date", "%d/%m/%Y", " 03/02/1990", None),
    ("birth_date", "%d.%m.%y", "03.02.68", "2068-02-03"),
    ("birth_date", "%d.%m.%y", "03.02.69", "1969-02-03"),
    ("birth_date", "%d-%b-%Y", "03-FEB-1990", "1990-02-03"),
    ("updated_at", "%Y-%m-%d %H:%M:%S", "2024-01-02 03:04:05", "2024-01-02T03:04:05+00:00"),
    ("updated_at", "%Y-%m-%d %H:%M:%S", "2024-01-02T03:04:05Z", None),
    ("updated_at", "%d.%m.%Y %H:%M %z", "02.01.2024 03:04 +0100", "2024-01-02T02:04:00+00:00"),
]


def passes_sql(contract: FeedContract, field: str, value: str | None) -> bool:
    check = contract.fields[field].check_sql("v")
    row = duckdb.execute(f"SELECT {check} FROM (SELECT ?::VARCHAR AS v)", [value]).fetchone()
    assert row is not None and row[0] is not None, "a check never answers NULL"
    return bool(row[0])


def read(contract: FeedContract, field: str, value: str | None) -> tuple[str | None, list[str]]:
    key = dict.fromkeys(contract.required, "1")
    row, reasons = contract.read({**key, field: value})
    return row.get(field), reasons


@pytest.mark.parametrize(("field", "value", "valid", "canonical"), CASES, ids=lambda v: repr(v)[:40])
def test_a_customer_field_is_valid_or_says_why_not(
    field: str, value: str | None, valid: bool, canonical: str | None
) -> None:
    found, reasons = read(FeedContract("customers"), field, value)
    assert valid == (not reasons)
    assert all(reason.startswith(field) for reason in reasons)
    if valid:
        assert found == (canonical or value)


@pytest.mark.parametrize(("field", "value", "valid", "canonical"), EVENT_CASES, ids=lambda v: repr(v)[:40])
def test_an_event_field_is_valid_or_says_why_not(
    field: str, value: str | None, valid: bool, canonical: str | None
) -> None:
    found, reasons = read(FeedContract("events"), field, value)
    assert valid == (not reasons)
    if valid:
        assert found == (canonical or value)


@pytest.mark.parametrize(("field", "spelling", "value", "canonical"), FORMAT_CASES)
def test_a_declared_format_is_read_instead_of_the_standard_one(
    field: str, spelling: str, value: str, canonical: str | None
) -> None:
    contract = FeedContract("customers", {field: spelling})
    found, reasons = read(contract, field, value)
    assert found == canonical
    assert bool(reasons) == (canonical is None)
    assert all(spelling in reason for reason in reasons)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [("customers", field, value) for field, value, _, _ in CASES]
    + [("events", field, value) for field, value, _, _ in EVENT_CASES],
    ids=lambda v: repr(v)[:40],
)
def test_sql_lets_nothing_pass_that_marshmallow_refuses(kind: str, field: str, value: str | None) -> None:
    contract = FeedContract(kind)
    if passes_sql(contract, field, value):
        assert not read(contract, field, value)[1]


@pytest.mark.parametrize(("field", "spelling", "value", "canonical"), FORMAT_CASES)
def test_sql_and_python_read_a_declared_format_alike(
    field: str, spelling: str, value: str, canonical: str | None
) -> None:
    contract = FeedContract("customers", {field: spelling})
    if not passes_sql(contract, field, value):
        return
    checked = contract.fields[field]
    respelled = f"SELECT ({checked.canonical_sql('v')})::TIMESTAMPTZ = ?::TIMESTAMPTZ FROM (SELECT ? AS v)"
    assert duckdb.execute(respelled, [canonical, value]).fetchone() == (True,)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("customers", {"source_record_id": "1", "birth_date": "1990-01-01", "updated_at": "2024-01-02T03:04:05Z"}),
        ("customers", {"source_record_id": "1", "marketing_consent": "no", "email": "a@b"}),
        ("events", {"event_id": "1", "source_record_id": "2", "amount": "-12.50", "currency": "EUR"}),
    ],
)
def test_ordinary_rows_pass_by_sql_alone(kind: str, row: dict[str, str]) -> None:
    contract = FeedContract(kind)
    assert all(passes_sql(contract, name, row.get(name)) for name in contract.fields)


def test_every_reason_is_told_at_once() -> None:
    _, reasons = FeedContract("customers").read({"source_record_id": None, "birth_date": "x", "updated_at": "y"})
    assert [reason.split()[0] for reason in reasons] == ["source_record_id", "birth_date", "updated_at"]


def test_the_schema_and_the_work_store_name_the_same_fields() -> None:
    assert set(field_names("customers")) == {"source_record_id", "updated_at", *RECORD_FIELDS}
    assert field_names("events") == tuple(name for name in EventRow().fields if name != "extra")
