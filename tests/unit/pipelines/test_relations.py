"""What relations share: the channels met, told by the bits of numbers."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.relations import channel_list_sql


@pytest.mark.parametrize("many", [1, 4, 62, 63, 130])
def test_channels_are_listed_in_order_however_many_there_are(many: int) -> None:
    channels = [f"channel {n:03}" for n in range(many)]
    met = [channels[-1], channels[0], channels[many // 2], channels[-1]]
    with duckdb.connect() as work:
        work.execute("CREATE TABLE rows (channel VARCHAR)")
        work.executemany("INSERT INTO rows VALUES (?)", [[name] for name in met])
        assert work.execute(f"SELECT {channel_list_sql(channels)} FROM rows").fetchall() == [(sorted(set(met)),)]
