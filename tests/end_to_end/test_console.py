"""The console in a real browser: every task by keyboard from search to done, and what must never happen there."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from profile_service.settings import Settings
from profile_service.store.ledger import Ledger
from profile_service.users import ROLES, User, Users
from tests.console_app import CHEAP, PASSWORD
from tests.end_to_end.browser import Seat, chromium, real_browser, seat, sign_in
from tests.end_to_end.served import Server, new_key, served

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium is installed here: `apt-get install chromium`")

HOSTILE = "<img src=x onerror=\"alert('x')\"><script>alert('y')</script>"
MOST_BYTES = 150_000  # of a page with everything it is drawn with
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with real_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("console")
    shutil.copytree(published, folder / "data", symlinks=True)
    make_users(folder / "data", *ROLES, "agent-2", "privacy_officer-2")
    with served(folder / "data", folder / "log", "--workers", "1") as running:
        yield running


def make_users(data_dir: Path, *names: str) -> None:
    settings = Settings(data_dir=data_dir)
    ledger = Ledger.open(settings.ledger)
    users = Users(ledger, settings.server_secret(), hasher=CHEAP)
    for name in names:
        users.create(User(name.replace("_", "-"), name.title(), name.partition("-")[0]), PASSWORD)
    ledger.close()


def ask(server: Server, query: str) -> list[tuple[str, ...]]:
    with duckdb.connect(str(server.data_dir / "customers.duckdb"), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


@pytest.fixture
def sit(browser: Browser, server: Server) -> Iterator[Callable[..., Seat]]:
    """Seats somebody at a window of their own, which is shut at the end: one left open would ask on and on."""
    seated: list[Seat] = []

    def sit_down(**how: Any) -> Seat:
        seated.append(seat(browser, server.address, **how))
        return seated[-1]

    yield sit_down
    for one in seated:
        one.page.context.close()
    for one in seated:
        assert not one.complaints, one.complaints
        outside = {urlsplit(url).netloc for url in one.asked} - {urlsplit(server.address).netloc, ""}
        assert not outside, f"the pages asked others: {outside}"


@pytest.fixture
def somebody(sit: Callable[..., Seat]) -> Seat:
    return sit()


def known(server: Server, place: int = 0) -> tuple[str, str]:
    """A customer with dealings to ask about, whom a name finds."""
    rows = ask(
        server,
        f"""SELECT customer_id, full_name FROM customers WHERE event_count > 3 AND loyalty_id IS NOT NULL
            AND record_count BETWEEN 3 AND 5 AND customer_id IN (
                SELECT customer_id FROM customer_events WHERE amount IS NOT NULL)
        ORDER BY customer_id LIMIT 1 OFFSET {place}""",
    )
    return rows[0][0], rows[0][1]


def find(person: Seat, customer_id: str, name: str) -> None:
    """Find somebody by typing, choose by arrow keys, open by Enter."""
    person.press("/")
    person.type(name)
    link = f"[data-hits] a[href='/console/customers/{customer_id}']"
    person.page.wait_for_selector(link)
    for _ in range(20):
        person.press("ArrowDown")
        if person.page.evaluate("wanted => document.activeElement.matches(wanted)", link):
            break
    person.press("Enter")
    person.page.wait_for_selector(".customer")


def test_an_agent_finds_verifies_and_notes_by_keyboard(somebody: Seat, server: Server) -> None:
    customer_id, name = known(server)
    sign_in(somebody, "agent")
    find(somebody, customer_id, name)
    assert somebody.page.locator(".veiled").count() > 0
    somebody.press("v")
    somebody.page.wait_for_selector("text=Show the questions")
    somebody.press("Enter")
    somebody.page.wait_for_selector("fieldset.question")
    [(amount, currency, at, channel)] = ask(
        server,
        f"""SELECT abs(amount)::VARCHAR, currency, strftime(occurred_at AT TIME ZONE 'UTC', '%B %Y'), channel
        FROM customer_events WHERE customer_id = '{customer_id}' AND amount <> 0
        ORDER BY occurred_at DESC NULLS LAST, channel, event_id LIMIT 1""",
    )
    where = {"store": "in a shop", "web": "on the web site", "mobile": "in the app", "call_center": "by telephone"}
    [(card,)] = ask(
        server,
        f"""SELECT right(value, 4) FROM customer_identifiers
        WHERE customer_id = '{customer_id}' AND identifier_type = 'loyalty_id' ORDER BY value LIMIT 1""",
    )
    right = [f"{currency or ''} {float(amount):,.2f}".strip(), at, where[channel], card]
    for question, answer in zip(somebody.page.locator("fieldset.question").all(), right, strict=True):
        question.get_by_label(answer, exact=True).focus()
        somebody.press("Space")
    somebody.press("Enter")
    somebody.page.wait_for_selector(".proof.is")
    assert somebody.page.locator(".glance .veiled").count() == 0
    somebody.press("n")
    somebody.type("asked for an invoice by post")
    somebody.press("Tab", "Enter")
    somebody.see("asked for an invoice by post")


def test_an_agent_changes_what_a_verified_caller_says_and_every_channel_has_it(somebody: Seat, server: Server) -> None:
    customer_id, name = known(server, 1)
    sign_in(somebody, "lead")
    find(somebody, customer_id, name)
    somebody.press("v")
    somebody.page.wait_for_selector("#reason")
    somebody.tab_to("#reason")
    somebody.type("the customer stands at the counter")
    somebody.press("Enter")
    somebody.page.wait_for_selector(".proof.is")
    somebody.tab_to("a[href$='/correct']")
    somebody.press("Enter")
    somebody.page.wait_for_selector("#c-phone")
    somebody.tab_to("#c-phone")
    somebody.type("505 555 0177")
    somebody.press("Enter")
    somebody.page.wait_for_selector(".customer")
    with server.client(new_key(server.data_dir, "web-page", "profiles:read")) as web:
        assert web.get("/v1/profiles/by/phone/+15055550177").json()["customer_id"] == customer_id


def test_a_steward_judges_pairs_by_one_key_each_and_takes_one_back(somebody: Seat) -> None:
    sign_in(somebody, "steward")
    somebody.press("j")
    somebody.page.wait_for_selector(".verdict")
    first = somebody.page.url
    somebody.press("d")
    somebody.page.wait_for_selector("button[data-key=z]")
    assert somebody.page.url.partition("?")[0] != first
    somebody.press("z")
    somebody.page.wait_for_selector("#queue")
    somebody.press("j")
    somebody.page.wait_for_selector(".verdict")
    assert somebody.page.url == first, "taken back, it waits again"
    somebody.press("u")
    somebody.page.wait_for_function("first => !location.href.startsWith(first)", arg=first)


def test_a_steward_rules_on_a_shared_value_by_keyboard_and_takes_it_back(somebody: Seat) -> None:
    sign_in(somebody, "steward")
    somebody.tab_to("nav a[href='/console/overview']")
    somebody.press("Enter")
    somebody.page.wait_for_selector("text=Shared values")
    somebody.tab_to("main a[href='/console/generic']")
    somebody.press("Enter")
    somebody.page.wait_for_selector("#other-field")
    somebody.tab_to("#other-field")
    somebody.type("Phone")
    somebody.press("Tab")
    somebody.type("(305) 222-5608")
    somebody.press("Tab")
    somebody.type(f"the shop's own {HOSTILE}")
    somebody.press("Tab", "Enter")
    somebody.see("It takes effect with the next run.")
    somebody.see("to be held back with the next run")
    assert somebody.page.evaluate("document.activeElement.value") == "undo", "who typed is where the way back is"
    somebody.press("Enter")
    somebody.see("gave it back to the counts")
    somebody.tab_to("#generic details summary")
    somebody.press("Enter")
    somebody.tab_to("#reason-1")
    somebody.type("after all")
    somebody.press("Tab", "Enter")
    somebody.see("to be let in with the next run")


def test_two_privacy_officers_erase_somebody_by_keyboard(sit: Callable[..., Seat], server: Server) -> None:
    customer_id, name = known(server, 2)
    asks, carries_out = sit(), sit()
    sign_in(asks, "privacy-officer")
    find(asks, customer_id, name)
    asks.tab_to("a[href*='/privacy/customers/']")
    asks.press("Enter")
    asks.page.wait_for_selector("#erase-reason")
    asks.tab_to("#erase-reason")
    asks.type("asked by letter of 3 November")
    asks.press("Enter")
    asks.see("somebody else carries it out")
    sign_in(carries_out, "privacy-officer-2")
    carries_out.go("/console/privacy")
    carries_out.tab_to("button.danger")
    carries_out.press("Enter")
    carries_out.see("carried out by")
    asks.go(f"/console/customers/{customer_id}")
    asks.see("erased")
    (said,) = asks.complaints
    assert "410" in said, "the browser's own word of an answer that is no success"
    asks.complaints.clear()


def test_two_agents_at_once_see_each_others_notes(sit: Callable[..., Seat], server: Server) -> None:
    customer_id, _ = known(server, 3)
    one, other = sit(), sit()
    sign_in(one, "agent")
    sign_in(other, "agent-2")
    for person, text in ((one, "wants a receipt"), (other, "moved to Leeds")):
        person.go(f"/console/customers/{customer_id}")
        person.press("n")
        person.type(text)
        person.press("Tab", "Enter")
        person.see(text)
    one.go(f"/console/customers/{customer_id}")
    one.see("moved to Leeds")
    one.see("wants a receipt")


def test_a_call_pops_up_where_it_rings(somebody: Seat, server: Server) -> None:
    [(customer_id, name, phone)] = ask(
        server,
        """SELECT customer_id, full_name, phone FROM customers
        WHERE phone IN (SELECT value FROM customer_identifiers WHERE NOT shared) AND full_name IS NOT NULL
        ORDER BY customer_id DESC LIMIT 1""",
    )
    sign_in(somebody, "agent")
    with server.client(new_key(server.data_dir, "switchboard", "calls:write")) as switchboard:
        call = {"event": "newCall", "from": phone, "to": "100", "direction": "in", "callId": "77", "user": "agent"}
        assert switchboard.post("/v1/calls", data=call).json()["customers"] == 1
        somebody.page.wait_for_selector(f".call a[href^='/console/customers/{customer_id}']")
        assert name in somebody.page.locator(".call").inner_text()
        switchboard.post("/v1/calls", data={**call, "event": "hangup"})
        somebody.page.wait_for_selector(".call", state="detached")


def test_hostile_names_are_shown_and_never_run(somebody: Seat, server: Server) -> None:
    fields = dict.fromkeys(("given_name", "family_name", "street", "city", "postcode", "loyalty_id"), HOSTILE)
    with server.client(new_key(server.data_dir, "writer", "records:write", options=("--trusted",))) as writer:
        sent = {"channel": "web", "source_record_id": "hostile-1", "phone": "+15055550111", **fields}
        customer_id = writer.post("/v1/records", json=sent).json()["customer_id"]
    sign_in(somebody, "lead")
    somebody.go(f"/console/customers/{customer_id}/verify")
    somebody.page.fill("#reason", HOSTILE)
    somebody.press("Enter")
    somebody.page.wait_for_selector(".proof.is")
    for path in ("", "/why", "/correct", "/verify"):
        somebody.go(f"/console/customers/{customer_id}{path}")
        somebody.page.wait_for_timeout(100)
    somebody.press("/")
    somebody.type("img src=x onerror")
    somebody.page.wait_for_timeout(800)


PAGES = {
    "lead": ["find", "customers/{id}", "customers/{id}/why", "customers/{id}/verify", "customers/{id}/correct"],
    "steward": ["reviews", "reviews?kind=customer", "reviews/{pair}", "reviews/{doubt}", "overview", "generic"],
    "privacy-officer": ["privacy", "privacy/customers/{id}"],
    "admin": ["users"],
}


@pytest.mark.parametrize("role", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_pages_are_accessible_light_and_fit_their_width(
    sit: Callable[..., Seat], server: Server, role: str, width: int, dark: bool
) -> None:
    somebody = sit(width=width, dark=dark)
    sign_in(somebody, role)
    names = {"id": known(server, 4)[0]}
    if role == "steward":
        for name, kind in (("pair", "pair"), ("doubt", "customer")):
            somebody.go(f"/console/reviews?kind={kind}")
            links = somebody.page.locator("[data-hits] a").all()
            names[name] = (links[0].get_attribute("href") or "").rpartition("/")[2]
    wrong = []
    for path in PAGES[role]:
        somebody.go(f"/console/{path.format(**names)}")
        found = Axe().run(somebody.page, options={"runOnly": RULES, "resultTypes": ["violations"]})
        wrong += [f"{path}: {each['id']}: {each['nodes'][0]['html'][:120]}" for each in found.response["violations"]]
        weight = somebody.page.evaluate(
            "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
            ".reduce((sum, each) => sum + (each.decodedBodySize || 0), 0)"
        )
        if weight > MOST_BYTES:
            wrong.append(f"{path}: {weight:,} bytes")
        somebody.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        if somebody.page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            wrong.append(f"{path}: wider than {width}")
        if somebody.page.evaluate("document.querySelector('.menu').getBoundingClientRect().left < 0"):
            wrong.append(f"{path}: the menu with the way out opens beyond the edge")
        inside = "[...document.querySelectorAll('.waterfall, .scroll:has(> .sides.two)')]"
        if somebody.page.evaluate(f"{inside}.some(each => each.scrollWidth > each.clientWidth + 1)"):
            wrong.append(f"{path}: bits or the second record lie beyond the edge")
    assert not wrong, "\n".join(wrong)


def test_the_first_screen_of_a_profile_needs_no_scrolling(somebody: Seat, server: Server) -> None:
    sign_in(somebody, "agent")
    somebody.go(f"/console/customers/{known(server, 4)[0]}")
    bottom = somebody.page.evaluate("document.querySelector('.glance').getBoundingClientRect().bottom")
    assert bottom <= 800


def test_shortcuts_can_be_switched_off(somebody: Seat, server: Server) -> None:
    sign_in(somebody, "agent")
    somebody.go(f"/console/customers/{known(server, 4)[0]}")
    somebody.tab_to("details.who summary")
    somebody.press("Enter")
    somebody.tab_to("#keys-on")
    somebody.press("Space", "Escape", "v")
    somebody.page.wait_for_timeout(300)
    assert not somebody.page.url.endswith("/verify")


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A real OpenID Connect provider in a process of its own."""
    port = _free_port()
    command = [str(Path(sys.executable).with_name("oidc-provider-mock")), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            with suppress(httpx.TransportError):
                httpx.get(f"{address}/.well-known/openid-configuration")
                break
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def test_who_the_provider_signs_in_is_signed_in_if_an_administrator_added_them(
    browser: Browser, published: Path, provider: str, tmp_path: Path
) -> None:
    shutil.copytree(published, tmp_path / "data", symlinks=True)
    settings = Settings(data_dir=tmp_path / "data")
    ledger = Ledger.open(settings.ledger)
    issuer = httpx.get(f"{provider}/.well-known/openid-configuration").json()["issuer"].rstrip("/")
    users = Users(ledger, settings.server_secret(), hasher=CHEAP)
    users.create(User("sam", "Sam Steward", "steward", subject=f"{issuer}/sam@shop.example"), None)
    ledger.close()
    port = _free_port()
    environment = {
        "PROFILES_OPENID_ISSUER": issuer,
        "PROFILES_OPENID_CLIENT_ID": "console",
        "PROFILES_OPENID_CLIENT_SECRET": "not so secret",
        "PROFILES_OPENID_NAME": "the shop",
        "PROFILES_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    with served(tmp_path / "data", tmp_path / "log", "--port", str(port), "--workers", "1", **environment) as running:
        for subject, lets_in in (("sam@shop.example", True), ("stranger@shop.example", False)):
            person = seat(browser, running.address)
            person.go("/console/")
            person.page.get_by_text("Sign in with the shop").click()
            person.page.locator("input[name=sub]").fill(subject)
            person.press("Enter")
            person.page.wait_for_url(f"{running.address}/console/**")
            if lets_in:
                person.page.wait_for_selector("header.bar")
                person.see("Reviews")
            else:
                person.see("nobody here is known by this account")
            person.page.context.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
