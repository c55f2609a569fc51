"""The pipeline's own DuckDB: opening it and the tables that outlive a run."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from pipelines.disk import is_full
from pipelines.lock import lock_holder
from profile_service.errors import RunFailed, RunLocked
from profile_service.identity.model_files import shut_models

# What a channel may say of a person, in the order of the contract; the second tuple holds columns beyond the
# contract that the model compares when a feed has them.
CONTRACT_FIELDS = (
    "given_name",
    "family_name",
    "email",
    "phone",
    "birth_date",
    "street",
    "city",
    "region",
    "postcode",
    "country",
    "loyalty_id",
    "cookie_id",
    "device_id",
    "marketing_consent",
)
FURTHER_FIELDS = ("middle_name", "full_name", "sex", "birth_place", "occupation", "street_2")
RECORD_FIELDS = CONTRACT_FIELDS + FURTHER_FIELDS

_RECORD_COLUMNS = (
    "rid INTEGER, channel VARCHAR, source_record_id VARCHAR, "
    + ", ".join(f"{field} VARCHAR" for field in RECORD_FIELDS)
    + ", updated_at TIMESTAMPTZ, extra VARCHAR, row_hash UBIGINT, file_id INTEGER, changed_seq INTEGER"
    + ", authenticated BOOLEAN"
)

TABLES = {
    # one row of counts and state for each run; state: started | resolved | published | failed
    "runs": """run_seq INTEGER, run_id VARCHAR, state VARCHAR, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ,
        model_version VARCHAR, counts VARCHAR, durations VARCHAR, inputs VARCHAR, warnings VARCHAR""",
    # a file is known by its content and by how its channel read it
    "files": """file_id INTEGER, content_hash VARCHAR, channel VARCHAR, kind VARCHAR, path VARCHAR,
        rows BIGINT, run_seq INTEGER""",
    # the version of each record that stands; authenticated: false when nobody vouches for the person, else null or
    # true; rid never changes for a (channel, source_record_id)
    "records": _RECORD_COLUMNS,
    # every version that does not stand
    "record_history": _RECORD_COLUMNS + ", superseded_seq INTEGER",
    "events": """channel VARCHAR, event_id VARCHAR, source_record_id VARCHAR, event_type VARCHAR,
        occurred_at TIMESTAMPTZ, amount DECIMAL(18, 4), currency VARCHAR, extra VARCHAR, row_hash UBIGINT,
        file_id INTEGER, changed_seq INTEGER""",
    # every version of an event that does not stand
    "event_history": """channel VARCHAR, event_id VARCHAR, source_record_id VARCHAR, event_type VARCHAR,
        occurred_at TIMESTAMPTZ, amount DECIMAL(18, 4), currency VARCHAR, extra VARCHAR, row_hash UBIGINT,
        file_id INTEGER, changed_seq INTEGER, superseded_seq INTEGER""",
    # what a customer said through the service, carried by a record of its: the newest word on a purpose and channel
    "consents": """channel VARCHAR, source_record_id VARCHAR, purpose VARCHAR, consent_channel VARCHAR, said VARCHAR,
        stated_at TIMESTAMPTZ, statements INTEGER""",
    "rejected_rows": """run_seq INTEGER, channel VARCHAR, kind VARCHAR, file VARCHAR, line BIGINT,
        row_as_sent VARCHAR, reasons VARCHAR[], source_record_id VARCHAR""",
    # names and values that outlive every run: the salt of the suppressions
    "meta": "key VARCHAR, value VARCHAR",
    # sha256 of salt, channel and source_record_id: rows that must not come back
    "suppressions": "token VARCHAR, suppressed_at TIMESTAMPTZ",
    # what an erasure under way must leave nowhere; kind: customer | key (channel:source_record_id) | value
    "erasing": "erasure_id VARCHAR, customer_id VARCHAR, kind VARCHAR, value VARCHAR",
    # must-link and cannot-link, by record key; verdict: same | different; decision_id: the judgement in the ledger
    "constraints": """left_channel VARCHAR, left_id VARCHAR, right_channel VARCHAR, right_id VARCHAR,
        verdict VARCHAR, author VARCHAR, reason VARCHAR, decided_at TIMESTAMPTZ, decision_id VARCHAR""",
    # must-links and cannot-links that the last run obeyed, by record number (l < r), and those it did not because the
    # decisions named in `against` say otherwise
    "obeyed": "l INTEGER, r INTEGER, verdict VARCHAR",
    "set_aside": "l INTEGER, r INTEGER, verdict VARCHAR, decision_id VARCHAR, against VARCHAR[]",
    # what people said of pairs, to measure by; bound: made a must-link or cannot-link too. One a pair and author.
    "labels": """left_channel VARCHAR, left_id VARCHAR, right_channel VARCHAR, right_id VARCHAR, verdict VARCHAR,
        author VARCHAR, reason VARCHAR, judged_at TIMESTAMPTZ, bound BOOLEAN, stratum VARCHAR,
        sampling_probability DOUBLE, label_id VARCHAR""",
    # the last word of a steward on a shared value; verdict: generic | ordinary | counted (as the counts say)
    "generic_rulings": """field VARCHAR, value VARCHAR, verdict VARCHAR, author VARCHAR, reason VARCHAR,
        ruled_at TIMESTAMPTZ, ruling_id VARCHAR""",
    # of the values in it that somebody holds: who does, and whether they are generic by that count alone
    "ruled_values": """field VARCHAR, value VARCHAR, holders BIGINT, distinct_family_names BIGINT, counted BOOLEAN""",
    # what was read as missing although something was written, by the run that read it, since everyone was last read;
    # value: null where it is not told
    "placeholder_values": "run_seq INTEGER, field VARCHAR, value VARCHAR, why VARCHAR, records BIGINT",
    # when a run first withheld a value that is withheld still
    "generic_since": "field VARCHAR, value VARCHAR, since TIMESTAMPTZ",
    # every scored candidate pair (l < r) with its packed levels; bits = log2 of the odds of being one person
    "scored_pairs": "l INTEGER, r INTEGER, pattern BIGINT, bits FLOAT",
    # each level pattern met, decoded: levels is JSON {comparison: level}
    "patterns": "pattern BIGINT, bits FLOAT, probability DOUBLE, levels VARCHAR",
    # how clusters came about: the first records of two groups that joined, the average bits over all their pairs (null
    # for a must-link), and the round of clustering (0 for a must-link)
    "merges": "l INTEGER, r INTEGER, bits FLOAT, round UTINYINT",
    # clusters that stayed two though a pair across would join alone, by their first records: average bits, how many
    # are lacking, and whether a decision or a duplicate-free channel keeps them apart
    "near_misses": "l INTEGER, r INTEGER, bits FLOAT, short_bits FLOAT, judged BOOLEAN, apart BOOLEAN",
    # which customer a record belongs to
    "membership": "rid INTEGER, customer_id VARCHAR",
    # every id ever given; changed_seq: the last run in which its records or their values changed
    "customer_ids": """customer_id VARCHAR, standing BOOLEAN, stands_as VARCHAR,
        created_seq INTEGER, changed_seq INTEGER""",
    # which records had an id when it was merged away, and when (microseconds since 1970): if they part, it is theirs
    "former_ids": "rid INTEGER, customer_id VARCHAR, retired_us BIGINT",
    # who lives with others: shares: what with any of them; since: when a run first told this customer in this household
    "households": """household_id VARCHAR, customer_id VARCHAR, shares VARCHAR[], probability FLOAT, members INTEGER,
        since TIMESTAMPTZ""",
    # why a run changed an id, or moved a record between two: the records it is about, the strongest pair across both in
    # bits, and the value that became generic or ordinary
    "id_causes": """run_seq INTEGER, customer_id VARCHAR, event VARCHAR, other_customer_id VARCHAR, cause VARCHAR,
        record INTEGER, other_record INTEGER, bits FLOAT, field VARCHAR, value VARCHAR""",
    "id_history": """customer_id VARCHAR, valid_from TIMESTAMPTZ, valid_to TIMESTAMPTZ, event VARCHAR,
        other_customer_id VARCHAR, run_seq INTEGER""",
}


FOLDED_SEQ = "folded_seq"
PRIVATE = 0o700  # every version of every record: for the account that runs alone
_MEMORY = 2_500_000_000  # what a million records need
MEMORY_A_RECORD = 400  # bytes, where there are so many that this is more
_KEPT = "80%"  # of the memory limit
_ROOM_EVERY = 16  # runs
_LEAST_BYTES = 12_288  # the three headers that DuckDB writes before anything else


def connect_work(data_dir: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A bare connection to ``data_dir/work/pipeline.duckdb``.

    Raises RunLocked while another program has it open in a way that shuts this one out, RunFailed where the file is a
    work store no more.
    """
    path = data_dir / "work" / "pipeline.duckdb"
    try:
        return duckdb.connect(str(path), read_only=read_only)
    except duckdb.Error as error:
        if is_full(error):
            raise
        what = str(error).splitlines()[0]
        if "lock on file" in what:
            holder = lock_holder(data_dir) if read_only else "another program has the work store open"
            raise RunLocked(f"{holder} in {data_dir}; try again when it has ended") from error
        raise RunFailed(f"the work store cannot be read: {what[:200]}; put back work/ and models/ as saved") from error


def open_work(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """Open (or make) ``data_dir/work/pipeline.duckdb`` with its tables; one process at a time may."""
    folder = data_dir / "work"
    data_dir.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=PRIVATE, exist_ok=True)
    _keep_private(folder)
    shut_models(data_dir / "models")
    path = folder / "pipeline.duckdb"
    if path.exists() and path.stat().st_size < _LEAST_BYTES:
        # a run was killed as it made the file: nothing was ever in it
        path.unlink()
    work = connect_work(data_dir)
    work.execute(f"SET memory_limit = '{_MEMORY}B'")
    # blocks are used again instead of given back to the kernel, which would have to clear each of them anew
    work.execute(f"SET block_allocator_memory = '{_KEPT}'")
    work.execute("SET preserve_insertion_order = false")
    work.execute("SET TimeZone = 'UTC'")
    # none but the one at closing: those that come by themselves write half-filled row groups again and again
    work.execute("SET checkpoint_threshold = '1TB'")
    spill = str(folder / "spill").replace("'", "''")
    work.execute(f"SET temp_directory = '{spill}'")
    # at once: each table by itself would wait for the disk by itself
    work.execute("BEGIN")
    for name, columns in TABLES.items():
        work.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
    # a store made before decisions had a name
    work.execute("ALTER TABLE constraints ADD COLUMN IF NOT EXISTS decision_id VARCHAR")
    # a store made before refused rows were known by their record
    work.execute("ALTER TABLE rejected_rows ADD COLUMN IF NOT EXISTS source_record_id VARCHAR")
    for table in ("records", "record_history"):
        work.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS authenticated BOOLEAN")
    work.execute("COMMIT")
    give_memory(work, MEMORY_A_RECORD)
    return work


def _keep_private(folder: Path) -> None:
    """Shut a folder that was made by hand or by an older version to others, where it is ours to shut."""
    if stat.S_IMODE(folder.stat().st_mode) != PRIVATE:
        with suppress(PermissionError):
            folder.chmod(PRIVATE)


@contextmanager
def afterwards(tidy: Callable[[], object]) -> Iterator[None]:
    """``tidy`` when the block has ended, however it ends."""
    try:
        yield
    except BaseException:
        # the error on its way out matters, not that a transaction it has ended allows nothing more
        with suppress(duckdb.Error):
            tidy()
        raise
    tidy()


@contextmanager
def uncompressed(work: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Write large tables in half the time, at four times the disk (a third of a gigabyte a million records)."""
    work.execute("SET force_compression = 'uncompressed'")
    with afterwards(lambda: work.execute("SET force_compression = 'auto'")):
        yield


def give_memory(work: duckdb.DuckDBPyConnection, bytes_a_record: int) -> None:
    """Let DuckDB have so much for each record, where that is more than it usually has, up to half of the machine's."""
    records = whole_number(work, "SELECT count(*) FROM records")
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    wanted = max(_MEMORY, min(records * bytes_a_record, machine // 2))
    work.execute(f"SET memory_limit = '{wanted}B'")


def check_point_ahead(cursor: duckdb.DuckDBPyConnection, run_seq: int) -> None:
    """Do beside others' reading what the check-point at closing would have to, where nobody writes.

    While others read, DuckDB does not take up the room of deleted rows: now and then all is left to the one at closing.
    """
    if run_seq % _ROOM_EVERY:
        with suppress(duckdb.TransactionException):
            cursor.execute("CHECKPOINT")


def spill_folder(work: duckdb.DuckDBPyConnection) -> str:
    """The folder for what does not fit into memory; DuckDB makes and removes it."""
    return str(work.execute("SELECT current_setting('temp_directory')").fetchall()[0][0])


def folded_seq(work: duckdb.DuckDBPyConnection) -> int:
    """The last entry of the ledger that the work store holds."""
    rows = work.execute(f"SELECT value FROM meta WHERE key = '{FOLDED_SEQ}'").fetchall()
    return int(rows[0][0]) if rows else 0


def whole_number(work: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query answers, such as a count; all fetched, for an open result owns its connection."""
    return int(work.execute(query).fetchall()[0][0])
