"""The page of shared values: who sees them, who rules on them, and what is said when it cannot be."""

from __future__ import annotations

import re

import pytest

from profile_service.users import ROLES
from tests.console_app import Person, signed_in
from tests.service_app import ServiceApp

PAGE = "/console/generic"
EMAIL = "andrea.solomon@hotmail.com"


def ruled(person: Person, action: str = "generic", **form: str) -> int:
    said = {"field": "email", "value": EMAIL, "reason": "the shop's own", "action": action} | form
    return person.send(PAGE, **said).status_code


@pytest.mark.parametrize("role", sorted(ROLES))
def test_only_who_judges_rules_and_sees_the_values(service: ServiceApp, role: str) -> None:
    steward, somebody = signed_in(service, "steward"), signed_in(service, role)
    ruled(steward)
    page = somebody.get(PAGE)
    may = "review" in ROLES[role]
    assert page.status_code == (200 if "overview" in ROLES[role] else 403)
    assert (EMAIL in page.text) is may
    assert ("Rule on it" in page.text) is may
    if page.status_code == 200:
        assert ("a…@h….com" in page.text) is not may
        assert ("the shop&#39;s own" in page.text) is may, "a reason may quote what is veiled"
    assert ruled(somebody, "ordinary") == (303 if may else 403)


def test_a_value_is_ruled_on_given_back_and_seen_to_wait(service: ServiceApp) -> None:
    steward = signed_in(service, "steward", "ada")
    assert ruled(steward, value="PixelStar28@Gmail.com") == 303
    page = steward.get(PAGE).text
    assert "to be held back with the next run" in page and "ada ruled it generic" in page
    overview = steward.get("/console/overview").text
    assert re.search(r"\d+ rulings? waits? for the next run", overview)
    [which] = re.findall(r'pixelstar28@gmail.com"><input type="hidden" name="seen" value="(rul_\d+)"', page)
    assert steward.send(PAGE, action="undo", ruling_id=which, reason="the wrong one").status_code == 303
    assert "gave it back to the counts" in steward.get(PAGE).text


def test_who_has_not_seen_the_last_ruling_is_told_of_it(service: ServiceApp) -> None:
    one, other = signed_in(service, "steward", "grace"), signed_in(service, "steward")
    assert ruled(one, value="mlathgate@gmail.com", seen="") == 303
    late = other.send(PAGE, field="email", value="mlathgate@gmail.com", reason="no", action="ordinary", seen="")
    assert late.status_code == 409
    assert "user:grace ruled it generic meanwhile" in late.text


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"value": "not.there@example.org"}, 409),
        ({"value": "<script>alert(1)</script>"}, 422),
        ({"value": ""}, 422),
        ({"reason": ""}, 422),
        ({"field": "hat"}, 422),
        ({"action": "maybe"}, 422),
        ({"action": "undo", "ruling_id": "rul_000000000999"}, 404),
        ({"form_token": "another"}, 403),
    ],
)
def test_what_cannot_be_ruled_is_said_on_the_page(service: ServiceApp, form: dict[str, str], status: int) -> None:
    steward = signed_in(service, "steward")
    said = {"field": "email", "value": "michellebarrett@gmail.com", "reason": "x", "action": "generic"} | form
    answer = steward.send(PAGE, **said)
    assert answer.status_code == status
    assert "<script>alert" not in answer.text


def test_a_part_of_the_page_offers_to_take_a_ruling_back(service: ServiceApp) -> None:
    steward = signed_in(service, "steward")
    form = {"form_token": steward.form_token, "field": "email", "value": "triciacampos@hotmail.com"}
    part = steward.client.post(
        PAGE, data=form | {"reason": "<b>shop</b>", "action": "generic"}, headers={"HX-Request": "true"}
    )
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "Take it back" in part.text
    assert "&lt;b&gt;shop&lt;/b&gt;" in part.text
