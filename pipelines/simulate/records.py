"""Which channel saw whom, when, and what a faultless clerk would have written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.simulate.life import Floats, Life
from pipelines.simulate.names import Strings
from pipelines.simulate.options import CHANNELS, Dice, Troubles
from pipelines.simulate.people import Booleans, People
from pipelines.simulate.places import Integers
from pipelines.work import CONTRACT_FIELDS

_PREFIXES = {"store": "S", "web": "W", "mobile": "M", "call_center": "C"}


@dataclass
class Records:
    """One entry a record in no telling order; ``fields`` are text, empty where the channel knows nothing."""

    person: Integers
    channel: Integers  # place in CHANNELS
    moment: Floats  # 0 to 1: when, among the years that the retailer keeps
    address: Integers  # row of the addresses
    ids: Strings
    fields: dict[str, Strings]

    def __len__(self) -> int:
        """How many records."""
        return len(self.person)

    def of(self, channel: str) -> Booleans:
        """Which records belong to a channel."""
        return np.asarray(self.channel == CHANNELS.index(channel))


def records_a_person(records: int, people: int, troubles: Troubles, dice: Dice) -> Integers:
    """How many records each person has: shape (people,), at least 1 each, summing to ``records``."""
    shares = troubles.shares("people.records_a_person")
    rng = dice.of("records a person")
    counts = 1 + rng.choice(len(shares), people, p=shares)
    while (short := records - int(counts.sum())) != 0:
        movable = np.flatnonzero(counts < len(shares)) if short > 0 else np.flatnonzero(counts > 1)
        chosen = rng.permutation(movable)[: abs(short)]
        counts[chosen] += 1 if short > 0 else -1
    return counts


def observe(people: People, life: Life, counts: Integers, chance: tuple[Troubles, Dice]) -> Records:
    """The records as a faultless clerk would write them, every field that exists filled in."""
    troubles, dice = chance
    person = np.repeat(np.arange(len(people)), counts)
    count = len(person)
    channel = _channels(person, troubles, dice)
    moment = dice.of("moment").random(count)
    address = np.where(moment < life.moved_at[person], life.address_before[person], life.address[person])
    single = moment < life.married_at[person]
    fields = {field: np.full(count, "", dtype=object) for field in CONTRACT_FIELDS}
    fields["given_name"] = people.given[person]
    fields["family_name"] = np.where(single, people.maiden[person], people.family[person])
    fields["birth_date"] = _iso_days(people.born)[person]
    fields["phone"] = _phones(people, life, (person, moment, channel), troubles, dice)
    fields["email"] = _emails(people, life, person, troubles, dice)
    old_card = moment < dice.of("card replaced at").random(len(people))[person]
    fields["loyalty_id"] = np.where(old_card, life.card_before[person], life.card[person])
    seen_in = {name: channel == place for place, name in enumerate(CHANNELS)}
    fields["cookie_id"] = _tokens(people, (person, seen_in["web"]), ("cookie", "browser"), troubles, dice)
    fields["device_id"] = _tokens(people, (person, seen_in["mobile"]), ("device", "device"), troubles, dice)
    consents = np.asarray(["yes", "no"], dtype=object)
    fields["marketing_consent"] = consents[(dice.of("consent").random(count) < 0.38).astype(np.int64)]
    return Records(person, channel, moment, address, _record_ids(channel, dice), fields)


def _channels(person: Integers, troubles: Troubles, dice: Dice) -> Integers:
    shares = np.asarray([troubles.rate(f"channels.{name}.share") for name in CHANNELS])
    drawn = dice.of("channel").choice(len(CHANNELS), len(person), p=shares / shares.sum())
    again = dice.hits("same channel", len(person), troubles.rate("people.same_channel_again"))
    again[0] = False
    again[1:] &= person[1:] == person[:-1]
    source = np.where(again, 0, np.arange(len(person)))
    return np.asarray(drawn[np.maximum.accumulate(source)], dtype=np.int64)


def _iso_days(ordinals: Integers) -> Strings:
    days = ordinals - 719163  # the ordinal of 1970-01-01
    return np.asarray(np.datetime_as_string(days.astype("datetime64[D]")), dtype=object)


def _phones(
    people: People, life: Life, seen: tuple[Integers, Floats, Integers], troubles: Troubles, dice: Dice
) -> Strings:
    person, moment, _ = seen
    count = len(person)
    owner = np.where(
        dice.hits("partner phone", count, troubles.rate("contacts.partner_phone_given")), people.mate[person], person
    )
    mobile = np.where(moment < life.renumbered_at[owner], life.number_before[owner], life.number[owner])
    at_home = dice.hits("landline given", count, troubles.rate("contacts.landline_given"))
    return np.where(at_home & (life.landline[person] != ""), life.landline[person], mobile)


def _emails(people: People, life: Life, person: Integers, troubles: Troubles, dice: Dice) -> Strings:
    count = len(person)
    owner = np.where(
        dice.hits("partner email", count, troubles.rate("contacts.partner_email_given")), people.mate[person], person
    )
    other = dice.hits("other email", count, troubles.rate("life.other_email"))
    which = np.where(other, 1 + (dice.of("which email").random(count) < 0.4), 0)
    email = life.emails[owner, which]
    email = np.where(email == "", life.emails[owner, np.where(other, 1, 0)], email)
    email = np.where(email == "", life.emails[owner, 0], email)
    joint = dice.hits("joint email given", count, troubles.rate("contacts.joint_email_given"))
    return np.where(joint & (life.joint_email[person] != ""), life.joint_email[person], email)


def _tokens(
    people: People, seen: tuple[Integers, Booleans], names: tuple[str, str], troubles: Troubles, dice: Dice
) -> Strings:
    """Cookie or device ids: a new one each time, the person's own again, or that of somebody at home."""
    person, there = seen
    token, sharing = names
    count = len(person)
    rng = dice.of(f"{token} ids")
    fresh = np.arange(count) + len(people)
    again = dice.hits(f"same {token}", count, troubles.rate(f"contacts.same_{token}"))
    shared = dice.hits(f"shared {token}", count, troubles.rate(f"households.shared_{sharing}"))
    first = np.searchsorted(people.household, people.household)[person]
    number = np.where(shared, first, np.where(again, person, fresh))
    high = rng.integers(0, 1 << 32, count + len(people)).tolist()
    low = rng.integers(0, 1 << 32, count + len(people)).tolist()
    values = np.full(count, "", dtype=object)
    for row, key in zip(np.flatnonzero(there).tolist(), number[there].tolist(), strict=True):
        values[row] = f"{token[0]}{high[key]:08x}{low[key]:08x}"
    return values


def _record_ids(channel: Integers, dice: Dice) -> Strings:
    """Ids that tell nothing of the person: a random order within each channel."""
    ids = np.full(len(channel), "", dtype=object)
    for place, name in enumerate(CHANNELS):
        rows = np.flatnonzero(channel == place)
        order = dice.of(f"ids {name}").permutation(len(rows)) + 1
        ids[rows] = [f"{_PREFIXES[name]}{number:08d}" for number in order.tolist()]
    return ids
