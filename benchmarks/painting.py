"""When Chromium paints a page first, in milliseconds after the navigation began (Paint Timing)."""

import os
import shutil
from collections.abc import Iterable

from playwright.sync_api import sync_playwright

_PAINTED = """() => new Promise(done => {
  const seen = performance.getEntriesByName("first-contentful-paint")[0];
  if (seen) done(seen.startTime);
  else new PerformanceObserver(list => done(list.getEntries()[0].startTime)).observe({ type: "paint", buffered: true });
})"""


def first_paints(address: str, secret: str, paths: Iterable[str], rounds: int) -> dict[str, list[float]]:
    """Return the first paints of each path, visited in turn by somebody who is logged in; nothing without Chromium."""
    program = shutil.which("chromium")
    if program is None:
        return {}
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "session", "value": secret, "url": address}])
        page = context.new_page()
        found: dict[str, list[float]] = {path: [] for path in paths}
        for number in range(rounds + 1):
            for path, taken in found.items():
                page.goto(address + path, wait_until="load")
                painted = float(page.evaluate(_PAINTED))
                if number:  # the first round fills the browser's store of style sheets and scripts
                    taken.append(painted)
        browser.close()
        return found
