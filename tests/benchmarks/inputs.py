"""The inputs by name, each made once: an invented retailer of some size, FEBRL, and labelled data where it is found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.simulate import SimulationOptions, simulate
from tests.benchmarks import labelled
from tests.benchmarks.batches import split

NEW_RECORDS = 10_000  # added later, beyond the size that names an input
RETAILERS: Mapping[str, tuple[int, int]] = {  # name: records, seed
    "simulated-10k": (10_000, 3),
    "simulated-100k": (100_000, 1),
    "simulated-1m": (1_000_000, 2),
    "simulated-10m": (10_000_000, 4),
}
FEBRL = ("febrl1", "febrl2", "febrl3", "febrl4")
LABELLED = ("splink_fake_1000", "splink_historical_50k")


@dataclass(frozen=True)
class Input:
    """One input, ready to run; ``later``: a landing of ten thousand records more; ``channels``: None for built-in."""

    name: str
    landing: Path
    truth: Path
    channels: Path | None = None
    later: Path | None = None

    def arguments(self) -> list[str | Path]:
        """The landing and how to read it, for a command line."""
        return [self.landing, *(("--channels", self.channels) if self.channels else ())]


def datasets_folder() -> Path | None:
    """Where labelled data is: the folder that PROFILES_DATASETS names."""
    named = os.environ.get("PROFILES_DATASETS")
    return Path(named) if named else None


def known() -> list[str]:
    """Every input that can be made here, but for the ten million, which must be asked for by name."""
    folder = datasets_folder()
    there = [name for name in LABELLED if folder and (folder / name / "records.parquet").is_file()]
    return [*(name for name in RETAILERS if name != "simulated-10m"), *FEBRL, *there]


def prepare(name: str, folder: Path) -> Input:
    """Make the input below ``folder``, or find it there; raises KeyError for a name that is not known."""
    made = folder / name
    if name in RETAILERS:
        return retailer(name, *RETAILERS[name], folder)
    if name in FEBRL:
        data = labelled.febrl(name, made)
    elif name in LABELLED and (datasets := datasets_folder()):
        data = labelled.from_folder(datasets, name, made)
    else:
        raise KeyError(f"{name} is no input here: choose one of {', '.join([*known(), 'simulated-10m'])}")
    return Input(name, data.landing, data.truth, data.channels)


def of_size(records: int, folder: Path) -> Input:
    """An invented retailer of any size below ``folder``, as many new records apart as it bears."""
    return retailer(f"simulated-{records}", records, 1, folder, min(NEW_RECORDS, records // 10))


def retailer(name: str, records: int, seed: int, folder: Path, more: int = NEW_RECORDS) -> Input:
    """An invented retailer below ``folder``, made once, ``more`` of its records apart; the truth covers both."""
    made = folder / name
    whole, truth = made / "whole", made / "truth.csv"
    if not truth.is_file():
        simulate(whole, SimulationOptions(records=records + more, seed=seed))
        split(whole, made / "first", made / "later", one_in=(records + more) // more)
        # last: it says that all else is there
        (whole / "truth.csv").replace(truth)
        shutil.rmtree(whole)
    return Input(name, made / "first", truth, later=made / "later")
