"""What a person has over the years: addresses, numbers, e-mail addresses, cards, before and after each change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from pipelines.simulate.names import Strings, common_family_pool, nicknames, read_rows, without_accents
from pipelines.simulate.options import Dice, Troubles
from pipelines.simulate.people import Booleans, People
from pipelines.simulate.places import Addresses, Integers, invent_addresses

Floats = np.ndarray[Any, np.dtype[np.float64]]
_PROVIDERS = (
    ("gmail.com", 0.44), ("yahoo.com", 0.15), ("hotmail.com", 0.09), ("outlook.com", 0.08), ("icloud.com", 0.06),
    ("aol.com", 0.05), ("comcast.net", 0.03), ("msn.com", 0.02), ("live.com", 0.02), ("att.net", 0.015),
    ("verizon.net", 0.012), ("protonmail.com", 0.01), ("me.com", 0.01), ("sbcglobal.net", 0.008), ("cox.net", 0.005),
)  # fmt: skip
_COMPANIES = ("group", "inc", "law", "design")


@dataclass(frozen=True)
class Life:
    """Belongings by person: ``before`` holds where a record is older than the change (a share of the years)."""

    address: Integers  # rows of ``addresses``
    address_before: Integers  # the same row for those who never moved
    moved_at: Floats
    married_at: Floats
    number: Strings  # digits with the national trunk prefix, if the country has one
    number_before: Strings
    renumbered_at: Floats
    landline: Strings  # of the household, or empty
    emails: Strings  # shape (people, 3); empty where there is none
    joint_email: Strings  # of the household, or empty
    card: Strings  # loyalty card, or empty
    card_before: Strings
    addresses: Addresses


def live(people: People, troubles: Troubles, dice: Dice) -> Life:
    """Give everybody addresses, numbers, e-mail addresses and cards."""
    count = len(people)
    homes = int(people.household[-1]) + 1
    first = np.searchsorted(people.household, np.arange(homes))
    addresses, present, before = _addresses(people, first, troubles, dice)
    married = (people.maiden != "") & dice.hits("married", count, troubles.rate("life.married"))
    numbers = _mobiles(people.country, addresses.dial_code[before], dice.of("mobile"))
    new_numbers = _mobiles(people.country, addresses.dial_code[present], dice.of("new mobile"))
    renewed = dice.hits("new number", count, troubles.rate("life.new_number"))
    now = np.where(renewed, new_numbers, numbers)
    recycled = np.flatnonzero(dice.hits("recycled", count, troubles.rate("life.recycled_number")))
    given_up = numbers[np.flatnonzero(renewed)] if renewed.any() else numbers
    now[recycled] = given_up[dice.of("recycled from").integers(0, len(given_up), len(recycled))]
    landline = np.where(
        dice.hits("landline", homes, troubles.rate("households.landline")),
        _landlines(people.country[first], addresses.dial_code[present[first]], dice.of("landlines")),
        "",
    )[people.household]
    joint = np.where(
        dice.hits("joint email", homes, troubles.rate("households.joint_email")), _joint_emails(people, first, dice), ""
    )[people.household]
    card, card_before = _cards(people, homes, troubles, dice)
    return Life(
        address=present,
        address_before=before,
        moved_at=_moving_days(people, before, homes, dice),
        married_at=np.where(married, dice.of("wedding").random(count), 0.0),
        number=now,
        number_before=np.where(renewed, numbers, now),
        renumbered_at=np.where(renewed, dice.of("new number time").random(count), 0.0),
        landline=landline,
        emails=_emails(people, troubles, dice),
        joint_email=joint,
        card=card,
        card_before=card_before,
        addresses=addresses,
    )


def _moving_days(people: People, before: Integers, homes: int, dice: Dice) -> Floats:
    """When each person moved; one day for a household that moves together, 0 for those who never did."""
    rng = dice.of("move time")
    alone, household = rng.random(len(people)), rng.random(homes)[people.household]
    together = (before >= homes) & (before < 2 * homes)
    return np.where(before == people.household, 0.0, np.where(together, household, alone))


def _addresses(people: People, first: Integers, troubles: Troubles, dice: Dice) -> tuple[Addresses, Integers, Integers]:
    """All addresses, and the row of each person's present and former one; whole households move together or not."""
    homes, count = len(first), len(people)
    movers = dice.hits("moved", count, troubles.rate("life.moved"))
    together = movers[first] & dice.hits("together", homes, troubles.rate("life.household_moves_together"))
    alone = np.flatnonzero(movers & ~together[people.household])
    countries = np.concatenate([people.country[first], people.country[first], people.country[alone]])
    addresses = invent_addresses(countries, dice.of("addresses"))
    present = people.household.copy()
    before = np.where(together[people.household], people.household + homes, people.household)
    before[alone] = 2 * homes + np.arange(len(alone))
    return addresses, present, before


def _mobiles(country: Strings, dial_code: Strings, rng: np.random.Generator) -> Strings:
    """Valid mobile numbers by country, digits only."""
    high, low = rng.integers(0, 10**9, len(country)), rng.integers(0, 10**6, len(country))
    return np.asarray(
        [_number(*row) for row in zip(country, dial_code, high.tolist(), low.tolist(), strict=True)], dtype=object
    )


def _number(country: str, dial_code: str, high: int, low: int) -> str:
    if country in ("US", "CA"):
        return f"{dial_code}{_exchange(high)}{low % 10000:04d}"
    if country == "GB":
        return f"07{4 + high % 6}{high // 10 % 100:02d}{low:06d}"
    if country == "DE":
        return f"01{5 + high % 3}{(1, 2, 5, 7)[high // 7 % 4]}{high // 10 % 10}{low:06d}"
    if country == "FR":
        return f"06{high % 100:02d}{low:06d}"
    return f"6{high % 100:02d}{low:06d}"


def _exchange(number: int) -> int:
    """A North American exchange: 200 to 999, not N11 and not the invented 555."""
    exchange = 200 + number % 800
    return exchange + 1 if exchange % 100 == 11 or exchange == 555 else exchange


def _landlines(country: Strings, dial_code: Strings, rng: np.random.Generator) -> Strings:
    high, low = rng.integers(0, 10**9, len(country)).tolist(), rng.integers(0, 10**6, len(country)).tolist()
    lines = []
    for land, code, first, second in zip(country, dial_code, high, low, strict=True):
        if land in ("US", "CA"):
            lines.append(f"{code}{_exchange(first)}{second % 10000:04d}")
        else:
            length = {"GB": 11, "DE": 10, "FR": 10, "ES": 9}[land]
            lines.append(f"{code}{2 + first % 7}{first % 10**8:08d}{second:06d}"[:length])
    return np.asarray(lines, dtype=object)


def _emails(people: People, troubles: Troubles, dice: Dice) -> Strings:
    """Up to three addresses a person, no two people with the same."""
    count = len(people)
    second = dice.hits("second email", count, troubles.rate("life.second_email"))
    third = second & dice.hits("third email", count, troubles.rate("life.third_email"))
    taken: set[str] = set()
    columns = []
    for place, there in enumerate((np.ones(count, dtype=bool), second, third)):
        rng = dice.of(f"email {place}")
        columns.append(_email_column(people, there, taken, rng))
    return np.stack(columns, axis=1)


def _email_column(people: People, there: Booleans, taken: set[str], rng: np.random.Generator) -> Strings:
    count = len(people)
    style, number = rng.random(count).tolist(), rng.integers(0, 10000, count).tolist()
    names = np.asarray([name for name, _ in _PROVIDERS], dtype=object)
    shares = np.asarray([share for _, share in _PROVIDERS])
    provider = names[rng.choice(len(names), count, p=shares / shares.sum())]
    companies = common_family_pool("english").values
    work = (rng.random(count) < 0.10).tolist()
    # older addresses of a woman may carry her maiden name
    family = np.where((people.maiden != "") & (rng.random(count) < 0.3), people.maiden, people.family)
    emails = np.full(count, "", dtype=object)
    for row in np.flatnonzero(there).tolist():
        at = provider[row]
        if work[row]:
            company = without_accents(companies[number[row] * 7 % len(companies)]).lower()
            at = f"{company}{_COMPANIES[number[row] % 4]}.com"
        local = _local(_plain(people.given[row]), _plain(family[row]), int(people.born[row]), style[row], number[row])
        email = f"{local}@{at}"
        while email in taken:
            number[row] += 1
            email = f"{local}{number[row] % 997}@{at}"
        taken.add(email)
        emails[row] = email
    return emails


@cache
def _mail_words() -> list[str]:
    return [row["word"] for row in read_rows("mail_words")]


def _plain(name: str) -> str:
    return without_accents(name).lower().replace(" ", "").replace("-", "").replace("'", "")


def _local(given: str, family: str, born: int, style: float, number: int) -> str:
    """The part before the @; ``style`` in 0 to 1 chooses the habit."""
    year = int((born - 1) / 365.2425) + 1
    if style < 0.24:
        return f"{given}.{family}"
    if style < 0.36:
        return f"{given}{family}{number % 100}"
    if style < 0.48:
        return f"{given[0]}{family}"
    if style < 0.56:
        return f"{given}{year}"
    if style < 0.63:
        return f"{given}.{family}{year % 100:02d}"
    if style < 0.69:
        return f"{given}_{family}"
    if style < 0.75:
        return f"{family}{given[0]}{number % 1000}"
    if style < 0.80:
        return f"{family}.{given}"
    if style < 0.86:
        options = nicknames().get(given.capitalize(), [given])
        return f"{_plain(options[number % len(options)])}{family}"
    words = _mail_words()
    return f"{words[number % len(words)]}{words[number // 40 % len(words)]}{number % 100}"


def _joint_emails(people: People, first: Integers, dice: Dice) -> Strings:
    rng = dice.of("joint emails")
    number = rng.integers(0, 1000, len(first)).tolist()
    forms = ("the{0}s", "{0}family", "{0}.family", "{0}home", "the{0}family")
    return np.asarray(
        [
            f"{forms[value % 5].format(_plain(people.family[row]))}{value}@{_PROVIDERS[value % 4][0]}"
            for row, value in zip(first.tolist(), number, strict=True)
        ],
        dtype=object,
    )


def _cards(people: People, homes: int, troubles: Troubles, dice: Dice) -> tuple[Strings, Strings]:
    """Present and former loyalty card; a joint card belongs to the household's first member."""
    count = len(people)
    numbers = dice.of("cards").permutation(9 * max(count, 1))[: 2 * count] + 10**7
    labels = np.asarray([f"LC{number}" for number in numbers.tolist()], dtype=object)
    own = dice.hits("card", count, troubles.rate("contacts.loyalty_card"))
    joint = dice.hits("joint card", homes, troubles.rate("households.joint_card"))[people.household]
    first = np.searchsorted(people.household, people.household)
    holder = np.where(joint, first, np.arange(count))
    card = np.where(own[holder], labels[:count][holder], "")
    replaced = (card != "") & dice.hits("second card", count, troubles.rate("life.second_card"))[holder]
    return card, np.where(replaced, labels[count:][holder], card)
