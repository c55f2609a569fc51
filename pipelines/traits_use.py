"""A declaration of traits and segments is adopted for the runs to come, and what stands is told by it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from profile_service.store.generation import open_standing, standing_generation
from profile_service.store.schema import schema_version
from profile_service.store.schema_traits import VALUES
from profile_service.traits import DECLARED, Traits, packaged_traits, read_traits, standing_traits

PACKAGED = "packaged"


@dataclass(frozen=True)
class Told:
    """A declaration with what was published by it.

    ``customers``: how many have traits. ``segments``: how many are in each. ``as_of``: the moment of both, empty while
    nothing was published by this declaration.
    """

    traits: Traits
    as_of: str = ""
    customers: int = 0
    segments: dict[str, int] | None = None


def use_traits(data_dir: Path, declaration: str) -> Traits:
    """Adopt a TOML file, or ``packaged``, for the next run. Raises UnusableInput for one that cannot be meant."""
    path = data_dir / DECLARED
    if declaration == PACKAGED:
        path.unlink(missing_ok=True)
        return packaged_traits()
    traits = read_traits(Path(declaration))
    data_dir.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(traits.text, encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105  (a run that reads it finds the old one or the new one)
    return traits


def published_as_declared(data_dir: Path) -> bool:
    """Whether what stands, if anything, was published with the relations and traits that are declared now."""
    standing = standing_generation(data_dir)
    return standing is None or standing.manifest.schema_version == schema_version(standing_traits(data_dir))


def told_traits(data_dir: Path) -> Told:
    """The declaration in use, and how many customers it puts where."""
    traits = standing_traits(data_dir)
    standing = standing_generation(data_dir)
    if standing is None or standing.manifest.schema_version != schema_version(traits):
        return Told(traits)
    with open_standing(data_dir) as reader:
        customers = int(reader.execute(f"SELECT count(*) FROM {VALUES}").fetchall()[0][0])
        found = reader.execute("SELECT name, count(*) FROM customer_segments GROUP BY name").fetchall()
    counts = {str(name): int(count) for name, count in found}
    return Told(
        traits, standing.manifest.as_of, customers, {each.name: counts.get(each.name, 0) for each in traits.segments}
    )
