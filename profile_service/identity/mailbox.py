"""Names that a record leaves out and its e-mail address tells: ``luis.martinez@*`` of a Luis without a family name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from profile_service.identity.spelling import Spellings
from profile_service.identity.vocabulary import Vocabulary

_NO_LETTERS = re.compile(r"[^a-z]+")
_HOME = re.compile(r"(?:the)?([a-z]+?)(?:family|fam|home|house|s)?")
_LEAST = 3  # letters: what is shorter is as often part of a word

Told = tuple[str | None, str | None]  # a given name or its initial, and a family name
NOTHING: Told = (None, None)


@dataclass(frozen=True)
class KnownNames:
    """What the data and the packaged words know of names."""

    givens: Spellings
    families: Spellings
    words: Vocabulary

    def is_given(self, name: str) -> bool:
        """Whether several records have it as a given name, or it is one of the packaged ones."""
        return self.givens.count(name) > 0 or name in self.words.nickname_roots

    def is_family(self, name: str) -> bool:
        """Whether several records have it as a family name."""
        return self.families.count(name) > 0


def lacks_a_name(given: str | None, family: str | None) -> bool:
    """Whether there is something for a mailbox to tell: a name is missing, or a given name is an initial."""
    return given is None or family is None or len(given) == 1


def names_in_mailbox(local: str, given: str | None, family: str | None, known: KnownNames) -> Told:
    """What ``local``, the part before the @, adds to the corrected names of a record; ``NOTHING`` in doubt.

    It must hold what the record says, and beside it a name that others have, or a word that stands by itself. Where
    the record says no name at all, two words tell both: one mostly a given name, the other mostly a family name.
    """
    parts = [part for part in _NO_LETTERS.split(local) if part]
    if not parts or not lacks_a_name(given, family):
        return NOTHING
    if family is not None:
        return _given_beside(parts, given, family, known), None
    if given is None:
        return _both(parts, known)
    return (None, _family_beside(parts, given, known)) if len(given) > 1 else NOTHING


def _beside(parts: list[str], name: str) -> Iterator[tuple[str, bool]]:
    """What stands before or behind ``name``, and whether something other than a letter parts them."""
    if name in parts:
        others = [part for part in parts if part != name]
        if others:
            yield max(others, key=len), True
        return
    joined = "".join(parts)
    if joined.startswith(name):
        yield joined[len(name) :], False
    if joined.endswith(name):
        yield joined[: -len(name)], False


def _given_beside(parts: list[str], initial: str | None, family: str, known: KnownNames) -> str | None:
    """The given name, or its initial, beside a family name or one of its words."""
    for name in dict.fromkeys((family.replace(" ", ""), *family.split(" "))):
        if len(name) < _LEAST - 1:
            continue
        for rest, parted in _beside(parts, name):
            if len(rest) == 1 and initial is None:
                return rest
            if not rest or (initial and (rest[0] != initial or len(rest) == 1)) or rest in known.words.mailbox_words:
                continue
            if known.is_given(rest) or (parted and len(rest) >= _LEAST):
                return rest
    return None


def _family_beside(parts: list[str], given: str, known: KnownNames) -> str | None:
    """The family name beside a given name, what it is short for, or its initial; or that of a household."""
    joined = "".join(parts)
    for name in sorted({given, *known.words.nickname_roots.get(given, ())}, key=lambda name: (-len(name), name)):
        if len(name) < _LEAST:
            continue
        for rest, parted in _beside(parts, name):
            if len(rest) < _LEAST or rest in known.words.mailbox_words:
                continue
            # `annabelle` is no Anna Belle
            if parted or not (known.is_given(joined) or (known.is_given(rest) and not known.is_family(rest))):
                return rest
    if known.is_given(joined):
        return None
    for initial, rest in ((joined[0], joined[1:]), (joined[-1], joined[:-1])):
        if initial == given[0] and len(rest) > _LEAST and known.is_family(rest):
            return rest
    home = _HOME.fullmatch(joined)
    if home and home[1] != joined and len(home[1]) >= _LEAST and known.is_family(home[1]):
        return home[1]
    return None


def _both(parts: list[str], known: KnownNames) -> Told:
    if len(parts) != 2:
        return NOTHING
    for given, family in (parts, parts[::-1]):
        mostly_given = known.givens.count(given) > known.families.count(given)
        if mostly_given and known.families.count(family) > known.givens.count(family):
            return given, family
    return NOTHING
