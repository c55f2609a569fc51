"""Pictures of every page of the console at both widths: ``python -m tests.end_to_end.screenshots``.

It publishes the sample in a folder of its own and writes ``docs/console/PAGE-WIDTH.jpg``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.end_to_end.browser import Seat, real_browser, seat, sign_in
from tests.end_to_end.served import Server, served
from tests.end_to_end.test_console import known, make_users
from tests.served_world import publish_sample

PICTURES = Path(__file__).parents[2] / "docs" / "console"
WIDTHS = {1280: False, 390: True}  # and whether it is dark there
_QUALITY = 70


def pictures_of(person: Seat, role: str, server: Server, width: int) -> None:
    """Every page that a role has."""
    customer_id, name = known(server, 4)
    at = f"/console/customers/{customer_id}"

    def keep(page: str) -> None:
        path = PICTURES / f"{page}-{width}.jpg"
        person.page.screenshot(path=path, type="jpeg", quality=_QUALITY)

    if role == "lead":
        keep("find")
        person.press("/")
        person.type(name.split()[-1])
        person.page.wait_for_selector("[data-hits] a")
        person.page.wait_for_timeout(500)
        keep("found")
        person.go(f"{at}/verify")
        keep("verify")
        person.page.fill("#reason", "the customer stands at the counter")
        person.press("Enter")
        person.page.wait_for_selector(".proof.is")
        keep("customer")
        for page in ("why", "correct"):
            person.go(f"{at}/{page}")
            keep(page)
    elif role == "steward":
        keep("reviews")
        person.press("j")
        person.page.wait_for_selector(".verdict")
        keep("review")
        person.go("/console/overview")
        keep("overview")
        person.go("/console/generic")
        if not person.page.locator(".shared .tag.warn").count():
            person.page.fill("#other-value", "pixelstar28@gmail.com")
            person.page.fill("#other-reason", "written on everyone by the till in Main Street")
            person.press("Enter")
            person.page.wait_for_selector(".shared .tag.warn")
        keep("generic")
    elif role == "privacy-officer":
        person.go(f"/console/privacy/customers/{customer_id}")
        keep("subject")
        person.page.fill("#erase-reason", "asked by letter")
        person.press("Enter")
        person.page.wait_for_selector("text=somebody else carries it out")
        keep("privacy")
        person.page.get_by_text("Withdraw").click()
    else:
        keep("users")


def main() -> None:
    """Make them all anew."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, real_browser() as browser:
        data_dir = publish_sample(Path(folder) / "data")
        make_users(data_dir, "lead", "steward", "privacy_officer", "admin")
        with served(data_dir, Path(folder) / "log", "--workers", "1") as server:
            signing_in = seat(browser, server.address)
            signing_in.go("/console/")
            signing_in.page.screenshot(path=PICTURES / "sign-in-1280.jpg", type="jpeg", quality=_QUALITY)
            for width, dark in WIDTHS.items():
                for role in ("lead", "steward", "privacy-officer", "admin"):
                    person = seat(browser, server.address, width=width, dark=dark)
                    sign_in(person, role)
                    pictures_of(person, role, server, width)
                    person.page.context.close()
    sizes = sum(path.stat().st_size for path in PICTURES.iterdir())
    print(f"{len(list(PICTURES.iterdir()))} pictures in {PICTURES.name}, {sizes:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
