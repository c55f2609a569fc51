"""Whatever a feed sends, a check in SQL is never looser than marshmallow."""

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from profile_service.contracts.feeds import FeedContract

CONTRACTS = {
    "customers": FeedContract("customers"),
    "events": FeedContract("events"),
    "formatted": FeedContract("customers", {"birth_date": "%d.%m.%y", "updated_at": "%Y/%m/%d %H:%M:%S"}),
    "american": FeedContract("customers", {"birth_date": "%m/%d/%Y", "updated_at": "%d-%b-%Y %I:%M %p"}),
}
digits = st.text("0123456789", min_size=1, max_size=4)
near_dates = st.lists(
    st.one_of(digits, st.sampled_from(["-", ":", "T", "t", " ", "Z", "z", ".", "+", "/", "01", "12", "2024", "31"])),
    max_size=16,
).map("".join)
dates = st.one_of(st.datetimes().map(str), st.datetimes().map(lambda d: d.isoformat() + "Z"), st.dates().map(str))
american = st.datetimes().map(lambda d: d.strftime("%m/%d/%Y")) | st.datetimes().map(
    lambda d: d.strftime("%d-%b-%Y %I:%M %p")
)
near_amounts = st.text("0123456789.-+eE_ ,", max_size=22)
values = st.one_of(st.none(), near_dates, dates, american, near_amounts, st.text(max_size=5), st.sampled_from(["yes"]))


@given(name=st.sampled_from(sorted(CONTRACTS)), value=values)
@settings(max_examples=150, deadline=None)
def test_sql_lets_nothing_pass_that_marshmallow_refuses(name: str, value: str | None) -> None:
    contract = CONTRACTS[name]
    checks = ", ".join(field.check_sql("v") for field in contract.fields.values())
    spelled = ", ".join(
        f"CASE WHEN {field.check_sql('v')} THEN try_cast({field.canonical_sql('v')} AS {field.sql_type}) END"
        for field in contract.fields.values()
    )
    sent = duckdb.execute("SELECT v FROM (SELECT ?::VARCHAR AS v)", [value]).fetchone()
    passed = duckdb.execute(f"SELECT {checks} FROM (SELECT ?::VARCHAR AS v)", [value]).fetchone()
    typed = duckdb.execute(f"SELECT {spelled} FROM (SELECT ?::VARCHAR AS v)", [value]).fetchone()
    assert sent == (value,) and passed is not None and typed is not None
    for (field, rule), by_sql, meant in zip(contract.fields.items(), passed, typed, strict=True):
        if by_sql:
            row, reasons = contract.read({**dict.fromkeys(contract.required, "1"), field: value})
            assert not reasons
            kept = row[field]
            same = duckdb.execute(
                f"SELECT try_cast(? AS {rule.sql_type}) IS NOT DISTINCT FROM ?::{rule.sql_type}", [kept, meant]
            ).fetchone()
            assert same == (True,), (field, kept, meant)
