"""Each file of a landing folder belongs to one channel, or is told to belong to none."""

from pathlib import Path

import pytest

from pipelines.ingest.landing import find_files
from profile_service.contracts.channels import BUILT_IN, Channel
from profile_service.errors import UnusableInput
from tests.landing_world import LandingWorld, csv_of, jsonl_of

BUILT_IN_FILES = [
    "store/customers.csv",
    "store/customers-2024.csv.gz",
    "web/customers_eu.jsonl",
    "web/events.jsonl.gz",
    "mobile/customers.parquet",
    "call_center/events.csv",
]


def folder_of(tmp_path: Path, names: list[str]) -> Path:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_built_in_channels_find_their_files_in_order_of_channel_kind_and_name(tmp_path: Path) -> None:
    found = find_files(folder_of(tmp_path, [*BUILT_IN_FILES, "truth.csv", ".hidden/x.csv", "store/.tmp"]), BUILT_IN)
    assert [(file.channel.name, file.kind, file.name, file.form) for file in found.files] == [
        ("store", "customers", "store/customers-2024.csv.gz", "csv"),
        ("store", "customers", "store/customers.csv", "csv"),
        ("web", "customers", "web/customers_eu.jsonl", "jsonl"),
        ("web", "events", "web/events.jsonl.gz", "jsonl"),
        ("mobile", "customers", "mobile/customers.parquet", "parquet"),
        ("call_center", "events", "call_center/events.csv", "csv"),
    ]
    assert found.notes == []


@pytest.mark.parametrize(
    ("stranger", "note"),
    [
        ("stroe/customers.csv", "folder stroe is not read: no channel of that name"),
        ("store/clients.csv", "store/clients.csv is not read: no channel's glob matches it"),
        ("store/customers.xlsx", "store/customers.xlsx is not read: its name ends in none of"),
        ("store/customers.csv.part", "store/customers.csv.part is not read: its name ends in none of"),
        ("store/customers.csv/x.csv", "store/customers.csv is not read: it is a folder"),
        ("store/2026/customers.csv", "folder store/2026 is not read: no channel's glob looks into it"),
        ("customers.csv", "customers.csv is not read: a channel's feeds lie in its own folder"),
    ],
)
def test_what_no_channel_reads_is_told(tmp_path: Path, stranger: str, note: str) -> None:
    found = find_files(folder_of(tmp_path, ["web/customers.csv", stranger]), BUILT_IN)
    assert [file.name for file in found.files] == ["web/customers.csv"]
    (told,) = found.notes
    assert told.startswith(note)


def test_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    folder_of(tmp_path, ["web/customers.csv"])
    (tmp_path / "web" / "customers-2.csv").symlink_to("gone.csv")
    found = find_files(tmp_path, BUILT_IN)
    assert [file.name for file in found.files] == ["web/customers.csv"]
    assert found.notes == ["web/customers-2.csv is not read: it is a link to what is not there"]


@pytest.mark.parametrize(
    ("names", "said"), [([], "holds no feed: looked for store/customers*"), (["truth.csv"], "holds no feed")]
)
def test_a_landing_folder_without_feeds_is_refused(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(UnusableInput, match=said.replace("*", r"\*")):
        find_files(folder_of(tmp_path, names), BUILT_IN)


def test_a_landing_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="is not there"):
        find_files(tmp_path / "nowhere", BUILT_IN)
    (tmp_path / "file").touch()
    with pytest.raises(UnusableInput, match="is no folder"):
        find_files(tmp_path / "file", BUILT_IN)


def test_a_declared_channel_takes_files_from_a_built_in_one(tmp_path: Path) -> None:
    shops = Channel("shops", customers="store/*.csv")
    found = find_files(folder_of(tmp_path, ["store/customers.csv.gz", "store/events.jsonl"]), [*BUILT_IN, shops])
    assert [(file.channel.name, file.kind) for file in found.files] == [("store", "events"), ("shops", "customers")]


def test_a_kept_channel_leaves_to_others_what_they_claim_and_says_that_it_is_kept(tmp_path: Path) -> None:
    old = Channel("old", customers="x/*.csv", kept=True)
    older = Channel("older", customers="x/*.csv", kept=True)
    folder = folder_of(tmp_path, ["x/c.csv"])
    renamed = find_files(folder, [Channel("new", customers="x/*.csv"), old])
    assert [file.channel.name for file in renamed.files] == ["new"]
    assert not renamed.notes
    kept = find_files(folder, [*BUILT_IN, old, older])
    assert [file.channel.name for file in kept.files] == ["old"]
    (note,) = kept.notes
    assert note.startswith("channel old is read as --channels of an earlier run declared")


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (Channel("shop", customers="store/*.csv", kept=True), "channel shop, as an earlier run declared"),
        (BUILT_IN[0], "channel store, as ever"),
    ],
)
def test_a_new_name_for_files_of_a_channel_that_has_brought_records_is_refused(
    tmp_path: Path, before: Channel, said: str
) -> None:
    folder = folder_of(tmp_path, ["store/customers.csv"])
    named = [Channel("crm", customers="store/*.csv"), before]
    with pytest.raises(UnusableInput, match=f"belongs to {said}.*Keep the name {before.name}.*retired = true"):
        find_files(folder, named, {(before.name, "customers")})
    for brought in (set(), {(before.name, "events")}, {(before.name, "customers"), ("crm", "customers")}):
        assert [file.channel.name for file in find_files(folder, named, brought).files] == ["crm"], brought
    retired = [named[0], Channel(before.name, retired=True)]
    found = find_files(folder, retired, {(before.name, "customers")})
    assert [file.channel.name for file in found.files] == ["crm"]
    assert found.notes == [f"channel {before.name} is retired: its files are read no more, what it has brought stays"]


def test_a_wider_glob_for_files_of_a_channel_that_has_brought_records_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["store/customers.csv", "crm/customers.csv"])
    brought = {("store", "customers"), ("crm", "customers")}
    before = Channel("store", customers="store/*.csv", kept=True)
    with pytest.raises(UnusableInput, match=r"belongs to channel store.*narrow crm's globs"):
        find_files(folder, [Channel("crm", customers="*/*.csv", moved=("customers",)), before], brought)
    narrow = find_files(folder, [Channel("crm", customers="crm/c*.csv", moved=("customers",)), before], brought)
    assert {file.name: file.channel.name for file in narrow.files} == {
        "crm/customers.csv": "crm",
        "store/customers.csv": "store",
    }


def test_where_every_channel_is_retired_nothing_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="every channel is retired"):
        find_files(folder_of(tmp_path, ["web/customers.csv"]), [Channel("web", retired=True)])


def test_the_folder_of_a_retired_channel_is_told_as_such(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["web/customers.csv", "crm/customers.csv"])
    found = find_files(folder, [*BUILT_IN, Channel("crm", retired=True, kept=True)])
    assert found.notes == ["folder crm is not read: channel crm is retired"]


def test_a_retired_channel_that_never_was_is_told_with_those_that_were(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ["web/customers.csv"])
    stays = "its files are read no more, what it has brought stays"
    misspelt = [*BUILT_IN[:3], Channel("cmr", retired=True), Channel("call_center", retired=True)]
    assert find_files(folder, misspelt, {("web", "customers"), ("web", "events"), ("crm", "customers")}).notes == [
        "channel cmr is retired: no file of it was ever read here. Is it misspelt? Files were read of crm, web",
        f"channel call_center is retired: {stays}",
    ]
    fresh = find_files(folder, misspelt)
    assert [file.name for file in fresh.files] == ["web/customers.csv"]
    assert fresh.notes[0] == "channel cmr is retired: no file of it was ever read here", "nothing was, here"


@pytest.mark.parametrize(
    "channels",
    [
        [Channel("a", customers="x/*.csv"), Channel("b", customers="x/c*.csv")],
        [Channel("a", customers="x/*.csv", events="x/*.csv")],
    ],
)
def test_a_file_claimed_twice_is_refused(tmp_path: Path, channels: list[Channel]) -> None:
    with pytest.raises(UnusableInput, match=r"x/c\.csv is claimed twice"):
        find_files(folder_of(tmp_path, ["x/c.csv"]), channels)


def test_a_channel_of_another_layout_is_read_as_declared(tmp_path: Path) -> None:
    world = LandingWorld(tmp_path)
    registry = Channel(
        "registry",
        customers="registry/*.csv",
        events="registry/events/*.jsonl",
        columns={
            "source_record_id": ("rec_id",),
            "family_name": ("surname",),
            "street": ("street_number", "address_1"),
            "email": ("no_such_column",),
        },
        formats={"birth_date": "%Y%m%d", "updated_at": "%d.%m.%Y %H:%M"},
    )
    header = "rec_id,surname,given_name,street_number,address_1,birth_date,updated_at,source_record_id"
    world.put(
        "registry/a.csv",
        csv_of(
            "1,Byron,Ada,12,High St,18151210,02.01.2024 03:04,x",
            "2,Bo,,,High St,1815-12-10,,",
            "3,Cy,,7,,1-2-3,2024-01-01T00:00:00Z,",
            "4,Di,,,,18150211,2.1.2024 03:04,",
            header=header,
        ),
    )
    world.put("registry/events/b.jsonl", jsonl_of({"event_id": "e", "rec_id": "1"}))
    world.put("registry/events/c.jsonl", jsonl_of({"event_id": "f", "source_record_id": 2}))
    counts = world.run([registry])
    assert world.all(
        "SELECT source_record_id, family_name, given_name, street, birth_date, updated_at::VARCHAR, extra"
        " FROM records ORDER BY rid"
    ) == [
        ("1", "Byron", "Ada", "12 High St", "1815-12-10", "2024-01-02 03:04:00+00", '{"source_record_id":"x"}'),
        ("4", "Di", None, None, "1815-02-11", "2024-01-02 03:04:00+00", None),
    ]
    assert world.reasons() == {
        3: ["birth_date is not a real date in the declared format %Y%m%d"],
        4: [
            "birth_date is not a real date in the declared format %Y%m%d",
            "updated_at is not a real date and time in the declared format %d.%m.%Y %H:%M",
        ],
    }
    assert world.all("SELECT event_id, source_record_id FROM events ORDER BY 1") == [("e", "1"), ("f", "2")]
    assert counts.notes == (
        "registry/a.csv: no column no_such_column, declared for email",
        "registry/events/c.jsonl: no column rec_id, declared for source_record_id",
    )
