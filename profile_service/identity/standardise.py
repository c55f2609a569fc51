"""One record gets its standard values: the composition of the rules in ``values``, ``phones`` and ``spelling``."""

from __future__ import annotations

from collections.abc import Mapping, Set

from profile_service.identity import phones, values
from profile_service.identity.mailbox import NOTHING, KnownNames, lacks_a_name, names_in_mailbox
from profile_service.identity.model import Model
from profile_service.identity.records import DERIVED_FROM, RawRecord, StandardisedRecord
from profile_service.identity.spelling import in_each_others_place, sound
from profile_service.identity.vocabulary import Vocabulary, packaged_vocabulary

GenericValues = Mapping[str, Set[str]]


def nickname_roots(name: str | None, words: Vocabulary) -> str | None:
    """The names a given name may stand for, joined by spaces, its most usual one first: ``bob`` is ``robert``."""
    return None if name is None else " ".join(words.nickname_roots.get(name, (name,)))


def middle_of_full(text: str | None, words: Vocabulary) -> str | None:
    """What stands between the first and the last word of a full name."""
    tokens = (values.family_name(values.name_parts(text, words)) or "").split()
    return " ".join(tokens[1:-1]) or None


def ends_of_full(text: str | None, words: Vocabulary) -> tuple[str | None, str | None]:
    """The first and the last word of a full name, for a channel that sends no parts."""
    tokens = (values.family_name(values.name_parts(text, words)) or "").split()
    if len(tokens) < 2:
        return None, None
    first, last = (values.name_parts(token, words) for token in (tokens[0], tokens[-1]))
    return first.first, last.first


def standardise_record(
    record: RawRecord, model: Model, generic: GenericValues, *, words: Vocabulary | None = None
) -> StandardisedRecord:
    """Read ``record`` with the rules and the trained spellings of ``model``; generic values become missing."""
    words = words or packaged_vocabulary()
    standard = _names(record, model, words)
    country = phones.country_code(record.value("country"), words)
    first, second = record.value("street"), record.value("street_2")
    if first and second:
        first, second = values.lines_in_order(first, second, words) or (first, second)
    street = values.street(first, words)
    email = values.email(record.value("email"), words)
    default_country = model.trained.default_country if model.trained else None
    phone = phones.phone(record.value("phone"), country or default_country)
    standard |= {
        "sex": values.sex(record.value("sex"), words),
        "birth_date": values.birth_date(record.value("birth_date"), words),
        "birth_place": values.place(record.value("birth_place"), words),
        "occupation": values.place(record.value("occupation"), words),
        "email": email,
        "email_local": email.rpartition("@")[0] if email else None,
        "phone": phone,
        "phone_tail": phone[-7:] if phone else None,
        "street": street.line,
        "street_number": street.number,
        "street_name": street.name,
        "street_2": values.street(second, words).line,
        "postcode": values.postcode(record.value("postcode"), words),
        "city": values.place(record.value("city"), words),
        "region": values.place(record.value("region"), words),
        "country": country,
        "loyalty_id": values.digits_or_letters(record.value("loyalty_id"), words),
        "cookie_id": values.digits_or_letters(record.value("cookie_id"), words),
        "device_id": values.digits_or_letters(record.value("device_id"), words),
    }
    nameless = standard["name_pair"] in generic.get("name_pair", ())
    for column, shared in generic.items():
        if standard[column] in shared:
            for lost in (column, *DERIVED_FROM.get(column, ())):
                standard[lost] = None
    if not nameless:
        standard |= _told_by_mailbox(standard, model, words)
    bins = {column: model.bin_of(column, standard[column]) for column in model.binned}
    return StandardisedRecord(record.channel, record.source_record_id, standard, bins)


def _names(record: RawRecord, model: Model, words: Vocabulary) -> dict[str, str | None]:
    given = values.name_parts(record.value("given_name"), words)
    family = values.name_parts(record.value("family_name"), words)
    middle = values.name_parts(record.value("middle_name"), words)
    first, rest, last = given.first, given.rest, values.family_name(family)
    if first is None and last is None:
        first, last = ends_of_full(record.value("full_name"), words)
    whole = f"{first} {rest}" if rest else first
    swapped = in_each_others_place(whole, last, model.spellings["given_name"], model.spellings["family_name"])
    if swapped and last is not None:
        first, _, further = last.partition(" ")
        rest, last = further or None, whole
    return {
        "given_name": first,
        "middle_name": values.family_name(middle) or rest or middle_of_full(record.value("full_name"), words),
        "family_name": last,
        "suffix": family.suffix or given.suffix,
    } | _spelled(first, last, model, words)


def _spelled(given: str | None, family: str | None, model: Model, words: Vocabulary) -> dict[str, str | None]:
    """What follows from the two names: corrections, nicknames, sounds, and both together."""
    given_fixed = model.spellings["given_name"].correct(given)
    family_fixed = model.spellings["family_name"].correct(family)
    roots = nickname_roots(given_fixed, words)
    return {
        "given_fixed": given_fixed,
        "given_root": roots.split(" ", 1)[0] if roots else None,
        "given_roots": roots,
        "given_sound": sound(given_fixed) if given_fixed else None,
        "family_fixed": family_fixed,
        "family_sound": sound(family_fixed) if family_fixed else None,
        "name_pair": name_pair(given_fixed, family_fixed),
    }


def _told_by_mailbox(standard: Mapping[str, str | None], model: Model, words: Vocabulary) -> Mapping[str, str | None]:
    """What the e-mail address adds to the names; the record's own columns, ``given_name`` and the like, stay."""
    local, given, family = standard["email_local"], standard["given_fixed"], standard["family_fixed"]
    if local is None or not lacks_a_name(given, family):
        return {}
    known = KnownNames(model.spellings["given_name"], model.spellings["family_name"], words)
    told = names_in_mailbox(local, given, family, known)
    if told == NOTHING:
        return {}
    return _spelled(told[0] or standard["given_name"], told[1] or standard["family_name"], model, words)


def name_pair(given: str | None, family: str | None) -> str | None:
    """Both names in alphabetical order, so that swapped names meet; missing when either is."""
    if given is None or family is None:
        return None
    return f"{given} {family}" if given <= family else f"{family} {given}"
