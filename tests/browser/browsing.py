"""A reader of the page: Debian's Chromium, who notes whatever goes wrong beside what a test looks at."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Error, Page, Playwright, expect

from tests.peers import need

PASSWORD = "correct horse 9"
expect.set_options(timeout=15_000)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
SHAPES: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
_EXPECTED = re.compile(r"status of (401|409|422|429)")  # Chromium notes each answer that refuses a form


def launched(playwright: Playwright) -> Browser:
    """Start Debian's Chromium; as root it has no sandbox."""
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    return playwright.chromium.launch(executable_path=need("chromium", "chromium"), args=arguments)


class Reader:
    """Somebody at a browser. `wrong`: lines of the console, failed scripts, and requests that leave the gateway."""

    def __init__(self, page: Page, port: int) -> None:
        self.page = page
        self.base = f"http://127.0.0.1:{port}"
        self.wrong: list[str] = []
        page.set_default_timeout(15_000)
        page.on("console", lambda line: self._note(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda request: self._look_at(request.url))

    def _note(self, text: str) -> None:
        if not _EXPECTED.search(text):
            self.wrong.append(f"{self.page.url}: {text}")

    def _look_at(self, url: str) -> None:
        if urlsplit(url).scheme in ("http", "https") and not url.startswith(self.base):
            self.wrong.append(f"outside: {url}")

    def open(self, path: str) -> Page:
        """Go to a page."""
        self.page.goto(self.base + path)
        return self.page

    def open_download(self, path: str) -> None:
        """Follow an address that gives a file."""
        with suppress(Error):  # there is no page to go to
            self.page.goto(self.base + path)

    def log_in(self, name: str, password: str = PASSWORD) -> Page:
        """Log in by the form."""
        self.open("/login")
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url(lambda url: "/login" not in url)
        return self.page

    def violations(self) -> list[str]:
        """Return what hinders people who see, hear or move otherwise (WCAG 2.1 AA), as axe finds it."""
        self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate("options => axe.run(document, options)", RULES)
        return [
            f"{one['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page, where PAGE_PICTURES names a folder for people to look at."""
        if folder := os.environ.get("PAGE_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@contextmanager
def reading(browser: Browser, port: int, shape: str = "desk", **options: Any) -> Iterator[Reader]:
    """Give a new reader, and let nothing have gone wrong at their end."""
    context = browser.new_context(**{"locale": "en-GB", **SHAPES[shape], **options})
    reader = Reader(context.new_page(), port)
    try:
        yield reader
        assert not reader.wrong, reader.wrong
    finally:
        context.close()
