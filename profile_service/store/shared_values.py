"""Values that say nothing of who somebody is in one generation: by how many share them, and as stewards ruled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType

from profile_service.identity.rulings import is_generic


class SharedValues:
    """What counts as missing, by field, and for a ruled value what the count alone would say."""

    def __init__(self, generic: Iterable[tuple[str, str]], ruled: Iterable[tuple[str, str, str, int]]) -> None:
        """``generic``: (field, value); ``ruled``: (field, value, verdict, 1 where the count says generic, else 0)."""
        self._counted = {(field, value): (verdict, bool(counted)) for field, value, verdict, counted in ruled}
        found: dict[str, set[str]] = {}
        for field, value in generic:
            found.setdefault(field, set()).add(value)
        for (field, value), (verdict, counted) in self._counted.items():
            # one that nobody holds is in no list, and binds whoever comes with it
            if is_generic(counted, verdict):
                found.setdefault(field, set()).add(value)
        self.generic: Mapping[str, Set[str]] = MappingProxyType({name: frozenset(held) for name, held in found.items()})

    def is_generic(self, field: str, value: str) -> bool:
        """Whether it counts as missing."""
        return value in self.generic.get(field, ())

    def by_count(self, field: str, value: str) -> bool:
        """Whether it would, had nobody ruled on it."""
        ruled = self._counted.get((field, value))
        return self.is_generic(field, value) if ruled is None else ruled[1]
