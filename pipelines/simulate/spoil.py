"""Records as they really are: fields left out, names, dates and contacts written the way channels write them."""

from __future__ import annotations

import numpy as np

from pipelines.simulate import mistakes
from pipelines.simulate.life import Life
from pipelines.simulate.names import Strings, nicknames
from pipelines.simulate.options import CHANNELS, Dice, Troubles
from pipelines.simulate.people import Booleans, People
from pipelines.simulate.places import COUNTRY_FORMS
from pipelines.simulate.records import Records

# what people and clerks type when a field must be filled; the first of each list are by far the commonest
JUNK_EMAILS = (
    "noemail@noemail.com", "test@test.com", "none@none.com", "noemail@example-store.com", "no@email.com", "a@a.com",
    "customer@example-store.com", "na@na.com", "guest@guest.com", "abc@abc.com",
)  # fmt: skip
JUNK_PHONES = ("0000000000", "8005550100", "1111111111", "9999999999", "1234567890", "5555555555", "2125550147")
PLACEHOLDER_DATES = ("1900-01-01", "1970-01-01", "1901-01-01")
BLANK_TOKENS = ("nan", "N/A", "NULL", "-", " ", "   ", "none", "n/a")
STORE_ADDRESSES = tuple(f"{100 * (place + 1)} Commerce Plaza" for place in range(12))
SHOP_DEVICES = 40


class Spoiler:
    """Applies each trouble to the records it strikes, in place."""

    def __init__(self, records: Records, people: People, life: Life, chance: tuple[Troubles, Dice]) -> None:
        """Take the faultless records and the people behind them."""
        self.records, self.people, self.life = records, people, life
        self.troubles, self.dice = chance

    def spoil(self) -> None:
        """All troubles, in the order in which they happen to a record."""
        self._addresses()
        self._leave_out()
        self._names()
        self._dates()
        self._emails()
        self._phones()
        self._junk()
        self._identifiers()
        self._spelling()
        self._blanks()

    def _strikes(self, name: str) -> Booleans:
        return self._strikes_of(name, name)

    def _strikes_of(self, purpose: str, name: str) -> Booleans:
        return self.dice.hits(purpose, len(self.records), self.troubles.rate(name))

    def _slip(self, name: str, field: str, slip: mistakes.Slip, among: Booleans | None = None) -> Booleans:
        """Let a slip happen in one field at the rate of one trouble; answers whom it struck."""
        hit = self._strikes(name)
        hit = hit if among is None else hit & among
        mistakes.apply(slip, self.records.fields[field], hit, self.dice.of(f"slip {name} {field}"))
        return hit

    def _addresses(self) -> None:
        """Street lines from address rows, with all their ways of writing."""
        place, rows, fields = self.life.addresses, self.records.address, self.records.fields
        short = self._strikes("addresses.abbreviated")
        line = np.where(short, place.short[rows], place.long[rows])
        number = np.where(self._strikes("addresses.number_missing"), "", place.number[rows])
        unit = np.where(self._strikes("addresses.unit_missing"), "", place.unit[rows])
        fields["street"] = np.asarray(
            [
                f"{street.replace('#', house).strip()} {flat}".rstrip()
                for street, house, flat in zip(line, number, unit, strict=True)
            ],
            dtype=object,
        )
        fields["city"] = place.city[rows]
        full = self._strikes("addresses.region_in_full")
        fields["region"] = np.where(full, place.region_in_full[rows], place.region[rows])
        fields["postcode"] = place.postcode[rows]
        form = self.dice.of("country form").choice(3, len(rows), p=[0.7, 0.18, 0.12])
        country = place.country[rows]
        fields["country"] = np.asarray(
            [COUNTRY_FORMS[code][which] for code, which in zip(country, form, strict=True)], dtype=object
        )
        self._slip("addresses.street_typo", "street", mistakes.typo)
        self._slip("addresses.city_typo", "city", mistakes.typo)
        self._slip("addresses.postcode_typo", "postcode", mistakes.wrong_digit)
        self._slip(
            "addresses.zip_plus_four",
            "postcode",
            lambda text, rng: f"{text}-{rng.integers(1000, 9999)}",
            country == "US",
        )
        fields["postcode"][self._strikes("addresses.postcode_missing")] = ""
        fields["city"][self._strikes("addresses.city_missing")] = ""

    def _chances(self, field: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The channel's share for each record."""
        shares = np.asarray([self.troubles.rate(f"channels.{channel}.{field}") for channel in CHANNELS])
        return shares[self.records.channel]

    def _leave_out(self) -> None:
        """What the channel did not ask for; a record without any hold keeps the contact of its channel."""
        fields, count = self.records.fields, len(self.records)
        there: dict[str, Booleans] = {}
        for field in ("given_name", "family_name", "email", "phone", "birth_date", "address", "country", "loyalty_id"):
            there[field] = self.dice.hits(f"there {field}", count, self._chances(field))
        postcode_only = self.dice.hits("there postcode", count, self._chances("postcode_only")) & ~there["address"]
        hold = there["email"] | there["phone"] | there["address"] | (there["loyalty_id"] & (fields["loyalty_id"] != ""))
        by_mail = np.isin(self.records.channel, [CHANNELS.index("web"), CHANNELS.index("mobile")])
        there["email"] |= ~hold & by_mail
        there["phone"] |= ~hold & ~by_mail
        nameless = ~there["given_name"] & ~there["family_name"]
        there["family_name"] |= nameless & ~there["email"]
        there["marketing_consent"] = self.dice.hits("there consent", count, self._chances("marketing_consent"))
        for field in ("street", "city", "region"):
            there[field] = there["address"]
        there["postcode"] = there["address"] | postcode_only
        there["country"] &= there["address"] | by_mail
        for field, kept in there.items():
            if field != "address":
                fields[field] = np.where(kept, fields[field], "")

    def _names(self) -> None:
        fields, person = self.records.fields, self.records.person
        given, family = fields["given_name"].copy(), fields["family_name"].copy()
        fields["given_name"], fields["family_name"] = given, family
        maiden = self.people.maiden[person]
        double = self._strikes("names.double_barrelled") & (maiden != "") & (family == self.people.family[person])
        family[double] = maiden[double] + "-" + family[double]
        short = nicknames()

        def familiar(name: str, rng: np.random.Generator) -> str:
            options = short.get(name, [name])
            return options[int(rng.integers(len(options)))]

        struck = self._slip("names.nickname", "given_name", familiar)
        phoned = self.records.of("call_center")
        self._slip("names.phonetic", "given_name", mistakes.by_ear, phoned & ~struck)
        heard = self.dice.hits("names.phonetic family", len(person), self.troubles.rate("names.phonetic")) & phoned
        mistakes.apply(mistakes.by_ear, family, heard, self.dice.of("slip phonetic family"))
        self._slip("names.given_typo", "given_name", mistakes.typo)
        self._slip("names.family_typo", "family_name", mistakes.typo)
        initial = self._slip(
            "names.initial", "given_name", lambda name, rng: name[0] + ("." if rng.random() < 0.4 else ""), ~struck
        )
        self._slip(
            "names.middle_initial",
            "given_name",
            lambda name, rng: f"{name} {'ABCDEFGHJKLMNPRSTW'[int(rng.integers(18))]}",
            ~initial,
        )
        woman = self.people.sex[person] == "f"
        self._slip("names.honorific", "given_name", mistakes.titled("Mrs", "Ms", "Dr"), woman & ~initial)
        self._slip("names.honorific", "given_name", mistakes.titled("Mr", "Dr"), ~woman & ~initial)
        suffix = self.people.suffix[person]
        tells = self.dice.hits("junior says", len(person), self.troubles.rate("households.junior_says_so")) & (
            suffix != ""
        )
        tells &= family != ""
        family[tells] = family[tells] + " " + suffix[tells]
        swapped = self._strikes("names.swapped") & (given != "") & (family != "")
        given[swapped], family[swapped] = family[swapped].copy(), given[swapped].copy()

    def _dates(self) -> None:
        self.records.fields["birth_date"] = self.records.fields["birth_date"].copy()
        self._slip("dates.day_month_swapped", "birth_date", mistakes.day_and_month_swapped)
        self._slip("dates.digit_wrong", "birth_date", mistakes.wrong_date_digit)
        self._slip("dates.first_of_year", "birth_date", lambda text, rng: f"{text[:4]}-01-01")
        self._slip("dates.placeholder", "birth_date", mistakes.one_of(PLACEHOLDER_DATES))

    def _emails(self) -> None:
        self._slip("emails.typo", "email", mistakes.local_typo)
        self._slip("emails.domain_typo", "email", mistakes.domain_typo)
        at_gmail = np.asarray([value.endswith("@gmail.com") for value in self.records.fields["email"]])
        self._slip("emails.dots", "email", mistakes.dots_moved, at_gmail)
        self._slip("emails.plus_tag", "email", mistakes.plus_tag)
        self._slip("emails.capitals", "email", lambda text, rng: text.upper() if rng.random() < 0.3 else text.title())

    def _phones(self) -> None:
        self._slip("phones.typo", "phone", mistakes.wrong_digit)
        self._slip("phones.cut_short", "phone", lambda text, rng: text[: -int(rng.integers(1, 4))])
        self.records.fields["phone"] = written_phones(
            self.records.fields["phone"], self.people.country[self.records.person], self.dice.of("phone form")
        )
        self._slip("phones.extension", "phone", lambda text, rng: f"{text} x{rng.integers(1, 99)}")

    def _junk(self) -> None:
        """Values that stand for nobody, a few of them far commoner than the others."""
        self._slip("junk.email", "email", mistakes.one_of(JUNK_EMAILS))
        self._slip("junk.phone", "phone", mistakes.one_of(JUNK_PHONES))
        self._slip("junk.address", "street", mistakes.one_of(STORE_ADDRESSES))
        self._slip("junk.shop_device", "device_id", lambda text, rng: f"tablet-{int(rng.integers(SHOP_DEVICES)):04d}")
        guest = self._strikes("junk.guest") & (self.records.fields["email"] != "")
        self.records.fields["given_name"][guest] = "Guest"
        self.records.fields["family_name"][guest] = "Customer"

    def _identifiers(self) -> None:
        """Ids that belong to somebody else: a clerk's own card, a till that keeps the card before."""
        for field in ("loyalty_id", "cookie_id", "device_id"):
            values = self.records.fields[field]
            there = np.flatnonzero(values != "")
            lies = there[self._strikes_of(f"identifiers.lying {field}", "identifiers.lying")[there]]
            if len(lies):
                donors = there[self.dice.of(f"lying {field}").integers(0, len(there), len(lies))]
                values[lies] = values[donors]

    def _spelling(self) -> None:
        """Capitals and accents of names and places, alike over a whole record."""
        upper = self._strikes("names.upper_case") & ~self.records.of("web")
        lower = self._strikes("names.lower_case") & ~upper & ~self.records.of("call_center")
        plain = self._strikes("names.accents_dropped")
        for field in ("given_name", "family_name", "street", "city"):
            values = self.records.fields[field]
            foreign = plain & np.asarray([not value.isascii() for value in values])
            mistakes.apply(mistakes.accents_dropped, values, foreign, self.dice.of(f"accents {field}"))
            mistakes.apply(lambda text, rng: text.upper(), values, upper, self.dice.of("upper"))
            mistakes.apply(lambda text, rng: text.lower(), values, lower, self.dice.of("lower"))

    def _blanks(self) -> None:
        """Missing values sent as a word; dates and consents may only be left empty, as the contract has them typed."""
        for field in ("given_name", "family_name", "email", "phone", "street", "city", "region", "postcode"):
            values = self.records.fields[field]
            hit = self.dice.hits(f"blank {field}", len(values), self.troubles.rate("blanks.token")) & (values == "")
            rows = np.flatnonzero(hit)
            tokens = np.asarray(BLANK_TOKENS, dtype=object)
            values[rows] = tokens[self.dice.of(f"token {field}").integers(0, len(tokens), len(rows))]


def written_phones(digits: Strings, country: Strings, rng: np.random.Generator) -> Strings:
    """National digits in the ways people write them: plain, dots, dashes, brackets, spaces, E.164."""
    form = rng.random(len(digits)).tolist()
    return np.asarray(
        [_written(*row) if row[0] else "" for row in zip(digits, country, form, strict=True)], dtype=object
    )


def _written(digits: str, country: str, form: float) -> str:
    if country in ("US", "CA"):
        area, exchange, line = digits[:3], digits[3:6], digits[6:]
        if form < 0.35:
            return digits
        if form < 0.55:
            return f"({area}) {exchange}-{line}"
        if form < 0.72:
            return f"{area}-{exchange}-{line}"
        if form < 0.80:
            return f"{area}.{exchange}.{line}"
        if form < 0.86:
            return f"{area} {exchange} {line}"
        return f"+1{digits}" if form < 0.95 else f"1-{area}-{exchange}-{line}"
    code = {"GB": "44", "DE": "49", "FR": "33", "ES": "34"}[country]
    bare = digits.removeprefix("0")
    if form < 0.35:
        return digits
    if form < 0.65:
        return f"+{code}{bare}"
    if form < 0.8:
        return f"+{code} {bare[:3]} {bare[3:]}"
    return f"{digits[:4]} {digits[4:7]} {digits[7:]}" if form < 0.9 else f"00{code}{bare}"
