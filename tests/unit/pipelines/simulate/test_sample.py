"""The sample in data/sample is what its documented command writes, and small."""

import gzip
import re
from pathlib import Path

from pipelines.simulate import SimulationOptions, simulate

SAMPLE = Path(__file__).parents[4] / "data" / "sample"


def content(path: Path) -> bytes:
    """What is in a file; gzip's own bytes may differ between versions of zlib, what it packed may not."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def unpacked(landing: Path) -> dict[str, bytes]:
    files = (path for path in landing.rglob("*") if path.is_file() and path.name != "README.md")
    return {str(path.relative_to(landing)): content(path) for path in files}


def test_the_documented_command_writes_the_sample(tmp_path: Path) -> None:
    told = (SAMPLE / "README.md").read_text(encoding="utf-8")
    command = re.search(r"profiles simulate data/sample --records (\d+) --seed (\d+) --broken (\d+)", told)
    assert command
    records, seed, broken = map(int, command.groups())
    simulate(tmp_path, SimulationOptions(records=records, seed=seed, broken=broken))
    assert unpacked(tmp_path) == unpacked(SAMPLE)


def test_the_sample_is_small_and_has_every_form_of_feed() -> None:
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert {".csv", ".jsonl", ".gz"} <= {path.suffix for path in files}
