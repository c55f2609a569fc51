"""A real Chromium, and people who work in it by keyboard alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.console_app import PASSWORD

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LONGEST_MS = 20_000
# What the browser's own tools put into a page, not the page itself.
_NOT_OURS = "Applying inline style violates"


def chromium() -> str | None:
    """Where the system's browser is, if anywhere."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def real_browser() -> Iterator[Browser]:
    """A browser that runs until the block is left."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Seat:
    """Somebody at a browser of their own: the page, what it asked for, and what it complained of."""

    page: Page
    address: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open a page of the console."""
        self.page.goto(f"{self.address}{path}")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type text where the focus is."""
        self.page.keyboard.type(text)

    def tab_to(self, selector: str, most: int = 80) -> None:
        """Press Tab until the focus is there: whoever has no mouse gets there too."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("wanted => document.activeElement?.matches(wanted) ?? false", selector):
                return
        raise AssertionError(f"the keyboard does not reach {selector} on {self.page.url}")

    def see(self, text: str) -> None:
        """Wait until the page says it."""
        self.page.get_by_text(text).first.wait_for()


def seat(browser: Browser, address: str, *, width: int = 1280, dark: bool = False) -> Seat:
    """A browser window of its own, whose own cookies nobody shares."""
    scheme = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(_LONGEST_MS)
    somebody = Seat(page, address)

    def note(request: Request) -> None:
        somebody.asked.append(request.url)

    page.on("request", note)
    page.on("console", lambda said: said.type == "error" and _NOT_OURS not in said.text and _keep(somebody, said.text))
    page.on("pageerror", lambda error: _keep(somebody, str(error)))
    page.on("dialog", lambda dialog: (_keep(somebody, f"a dialog opened: {dialog.message}"), dialog.dismiss()))
    return somebody


def _keep(somebody: Seat, complaint: str) -> bool:
    somebody.complaints.append(complaint)
    return True


def sign_in(somebody: Seat, name: str) -> None:
    """Sign in by keyboard: the name has the focus from the start."""
    somebody.go("/console/")
    somebody.page.wait_for_selector("#name")
    somebody.type(name)
    somebody.press("Tab")
    somebody.type(PASSWORD)
    somebody.press("Enter")
    somebody.page.wait_for_selector("header.bar")
