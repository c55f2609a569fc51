"""What each kind of value becomes before it is compared."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from profile_service.identity import phones, values
from profile_service.identity.vocabulary import packaged_vocabulary

WORDS = packaged_vocabulary()

NOTHING_SAID = [
    "",
    " ",
    "\t\n",
    "\u00a0\u3000",
    "nan",
    "NaN",
    "N/A",
    "n.a.",
    "None",
    "NULL",
    "unknown",
    "Not Available",
    "-",
]
RULES: dict[str, Callable[[str | None], object]] = {
    "given name": lambda text: values.name_parts(text, WORDS).first,
    "family name": lambda text: values.family_name(values.name_parts(text, WORDS)),
    "email": lambda text: values.email(text, WORDS),
    "phone": lambda text: phones.phone(text, "US"),
    "identifier": lambda text: values.digits_or_letters(text, WORDS),
    "birth date": lambda text: values.birth_date(text, WORDS),
    "street": lambda text: values.street(text, WORDS).line,
    "postcode": lambda text: values.postcode(text, WORDS),
    "place": lambda text: values.place(text, WORDS),
    "sex": lambda text: values.sex(text, WORDS),
    "country": lambda text: phones.country_code(text, WORDS),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("text", [None, *NOTHING_SAID], ids=repr)
def test_what_says_nothing_is_missing_in_every_field(rule: str, text: str | None) -> None:
    assert RULES[rule](text) is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("John", ("john", None, None)),
        ("  JOHN  ", ("john", None, None)),
        ("Mr John", ("john", None, None)),
        ("Dr. Prof. Ada", ("ada", None, None)),
        ("Don", ("don", None, None)),  # a title in Madrid, a name in Dallas
        ("Don Carlos", ("don", "carlos", None)),
        ("Miss", ("miss", None, None)),  # alone it must be a name
        ("Mr Mrs", (None, None, None)),
        ("Nan", ("nann", None, None)),  # Nancy, as people write it; nan and NaN are a program's
        ("Nan-Jo", ("nann", "jo", None)),
        ("Nan.", ("nann", None, None)),
        ("Nan, Jo", ("nann", "jo", None)),
        ("O'Nan", ("onan", None, None)),
        ("Mrs Nan Jo", ("nann", "jo", None)),
        ("nan Jo", ("jo", None, None)),
        ("Nan Guest", ("nann", "guest", None)),
        ("Anne-Marie", ("anne", "marie", None)),
        ("Mary Jane Ann", ("mary", "jane ann", None)),
        ("John Jr.", ("john", None, "jr")),
        ("JOHN JUNIOR", ("john", None, "jr")),
        ("John Sr", ("john", None, "sr")),
        ("Sr Juan", ("juan", None, None)),  # señor
        ("John III", ("john", None, "iii")),
        ("Junior", ("junior", None, None)),  # alone it must be a name
        ("J.", ("j", None, None)),
        ("José", ("jose", None, None)),
        ("JOSE\u0301", ("jose", None, None)),  # the accent as a character of its own
        ("Ｊｏｈｎ", ("john", None, None)),  # full-width letters
        ("Владимир", ("vladimir", None, None)),
        ("Łukasz", ("lukasz", None, None)),
        ("Jürgen", ("jurgen", None, None)),
        ("D'Arcy", ("darcy", None, None)),
        ("D’Arcy", ("darcy", None, None)),
        ("John2", ("john", None, None)),
        ("Guest", (None, None, None)),
        ("Walk In", (None, None, None)),
        ("Test Test", (None, None, None)),
        ("xxx", (None, None, None)),
        ("12345", (None, None, None)),
    ],
)
def test_a_given_name_falls_apart_into_first_rest_and_suffix(
    text: str, parts: tuple[str | None, str | None, str | None]
) -> None:
    assert values.name_parts(text, WORDS) == values.NameParts(*parts)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Smith", "smith"),
        ("O'Brien-Smith", "obrien smith"),
        ("O’BRIEN SMITH", "obrien smith"),
        ("van der Berg", "van der berg"),
        ("de la Cruz", "de la cruz"),
        ("Müller", "muller"),
        ("Smith Jr", "smith"),
        ("Smith Sr.", "smith"),
        ("St. John", "st john"),
        ("Ng", "ng"),
        ("Customer", None),
        ("In", None),
    ],
)
def test_a_family_name_keeps_all_its_parts(text: str, name: str | None) -> None:
    assert values.family_name(values.name_parts(text, WORDS)) == name


def test_names_in_another_script_meet_their_transcription() -> None:
    assert values.name_parts("Иванов", WORDS) == values.name_parts("Ivanov", WORDS)
    assert values.name_parts("山田", WORDS).first is not None


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada@example.com ", "ada@example.com"),
        ("ada+shop@example.com", "ada@example.com"),
        ("a.d.a+x+y@gmail.com", "ada@gmail.com"),
        ("a.d.a@example.com", "a.d.a@example.com"),  # dots count elsewhere
        ("ada@googlemail.com", "ada@gmail.com"),
        ("ada@gmial.com", "ada@gmail.com"),
        ("ada@gmail.co", "ada@gmail.com"),
        ("ada@hotmial.com", "ada@hotmail.com"),
        ("ada@yahooo.com", "ada@yahoo.com"),
        ("ada@ymail.com", "ada@ymail.com"),  # a provider of its own, not a slip
        ("josé@example.com", "jose@example.com"),
        ("ada＠example．com", "ada@example.com"),
        ("noemail@example.com", None),
        ("no.email@gmail.com", None),
        ("test+1@example.com", None),
        ("+tag@example.com", None),
        ("...@gmail.com", None),
        ("ada@example", None),
        ("ada.example.com", None),
        ("ada@@example.com", None),
        ("ada smith@example.com", None),
        ("@example.com", None),
        ("ada@example.", None),
    ],
)
def test_an_address_becomes_the_mailbox_it_reaches(text: str, mailbox: str | None) -> None:
    assert values.email(text, WORDS) == mailbox


@pytest.mark.parametrize(
    ("text", "line", "number", "name"),
    [
        ("12 Main Street", "12 main st", "12", "main"),
        ("12 MAIN ST.", "12 main st", "12", "main"),
        ("Main St 12", "main st 12", "12", "main"),
        ("12A North Main Avenue", "12a n main ave", "12a", "main"),
        ("Flat 3, 12 Main Road", "flat 3 12 main rd", "12", "main"),
        ("12 Main Rd Apartment 3", "12 main rd apt 3", "12", "main"),
        ("Hauptstraße 5", "hauptstrasse 5", "5", "hauptstrasse"),
        ("Rue de l'Église", "rue de l eglise", None, "ruedeleglise"),
        ("Old Mill", "old mill", None, "oldmill"),
        ("12 North Street", "12 n st", "12", "nst"),
        ("350 5th Ave", "350 5th ave", "350", "5thave"),
        ("123 West 57th Street, Apt 5", "123 w 57th st apt 5", "123", "w57thst"),
        ("1600 Highway 50", "1600 hwy 50", "1600", "hwy50"),
        ("Unit 3 34/7 North Rd", "unit 3 34 7 n rd", "34", "nrd"),
        ("221", "221", "221", None),
        ("No Fixed Abode", None, None, None),
    ],
)
def test_a_street_line_is_read_for_its_number_and_name(
    text: str, line: str | None, number: str | None, name: str | None
) -> None:
    assert values.street(text, WORDS) == values.Street(line, number, name)


@pytest.mark.parametrize("text", ["221", "Flat 3", "12 North", "St", "34/7", "Unit 3 St"])
def test_a_number_or_a_door_alone_names_no_street_and_stays_a_line_of_the_address(text: str) -> None:
    read = values.street(text, WORDS)
    assert read.line is not None
    assert read.name is None


@pytest.mark.parametrize(
    ("first", "second", "in_order"),
    [
        ("Flat 4", "12 Church Lane", ("12 Church Lane", "Flat 4")),
        ("Acme Ltd", "12 Main St, Apt 3", ("12 Main St, Apt 3", "Acme Ltd")),
        ("PO Box 7", "Main Street North", ("Main Street North", "PO Box 7")),
        ("Rose Cottage", "Church Lane", ("Church Lane", "Rose Cottage")),
        ("12 Rose House", "Church Lane", ("12 Church Lane", "Rose House")),
        ("12a", "Church Lane", ("12a Church Lane", "Church Lane")),
        ("Hinterhaus", "Hauptstraße 5", ("Hauptstraße 5", "Hinterhaus")),
        ("Apt 4", "12 42nd St", ("12 42nd St", "Apt 4")),
    ],
)
def test_a_street_on_the_second_line_of_an_address_is_its_street(
    first: str, second: str, in_order: tuple[str, str]
) -> None:
    assert values.lines_in_order(first, second, WORDS) == in_order
    assert values.lines_in_order(*in_order, WORDS) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("12 Main Street", "Flat 4"),
        ("12 Rose Court", "Church Lane"),
        ("12 Hauptstraße", "Church Lane"),
        ("12 Broadway", "Floor 3"),
        ("Rose House", "Lane"),
        ("Rose House", "St Mary"),
        ("n/a", ","),
        (".", "Church Lane"),
    ],
)
def test_lines_of_an_address_stay_where_they_may_be_right(first: str, second: str) -> None:
    assert values.lines_in_order(first, second, WORDS) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("12345", "12345"),
        ("12345-6789", "12345"),
        ("SW1A 1AA", "sw1a1aa"),
        ("sw1a1aa", "sw1a1aa"),
        ("2480.0", "2480"),
        (" 2480 ", "2480"),
        ("01-234", "01234"),
        ("00000", None),
        ("99999", None),
        ("12", None),
    ],
)
def test_a_postcode_loses_its_separators(text: str, code: str | None) -> None:
    assert values.postcode(text, WORDS) == code


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("New York", "new york"),
        ("Saint Louis", "st louis"),
        ("ST. LOUIS", "st louis"),
        ("Newcastle-upon-Tyne", "newcastle on tyne"),
        ("München", "munchen"),
        ("IN", "in"),  # Indiana
        ("North", "n"),
    ],
)
def test_a_place_has_one_spelling(text: str, name: str) -> None:
    assert values.place(text, WORDS) == name


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("F", "f"),
        ("female", "f"),
        ("Woman", "f"),
        ("m", "m"),
        ("MALE", "m"),
        ("divers", "d"),
        ("other", None),
        ("Undisclosed", None),
        ("U", None),
        ("0", None),
        ("9", None),
    ],
)
def test_a_sex_is_its_first_letter(text: str, letter: str | None) -> None:
    assert values.sex(text, WORDS) == letter


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1980-05-17", "1980-05-17"),
        (" 1980-05-17 ", "1980-05-17"),
        ("1980-05-17T00:00:00", "1980-05-17"),
        ("1900-01-01", None),
        ("1899-12-30", None),
        ("9999-12-31", None),
        ("0001-01-01", None),
        ("1980-05", None),
        ("17/05/1980", None),
        ("not given.", None),
    ],
)
def test_a_default_is_no_birth_date(text: str, day: str | None) -> None:
    assert values.birth_date(text, WORDS) == day


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("LC-0001 2345", "lc00012345"),
        ("lc00012345", "lc00012345"),
        ("a1b2", "a1b2"),
        ("123", None),
        ("0000000", None),
        ("----", None),
        ("XXXXXXXX", None),
    ],
)
def test_an_identifier_is_its_own_characters(text: str, kept: str | None) -> None:
    assert values.digits_or_letters(text, WORDS) == kept


@pytest.mark.parametrize(
    "text",
    ["É", "ﬁn", "Straße", "Ａ１", "Ярослав", "e\u0301", "ab"],
)
def test_folded_text_is_lower_case_ascii(text: str) -> None:
    folded = values.fold(text)
    assert folded.isascii()
    assert folded == folded.lower()
