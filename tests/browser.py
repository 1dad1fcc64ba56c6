"""Opens pages in headless Chromium and records what they request and complain about."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# So that the browser itself requests nothing.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Visit(NamedTuple):
    """An open page. The lists grow while it is open."""

    # playwright.sync_api.Page: set_viewport_size, emulate_media, locator, screenshot, ...
    page: Any
    # Errors and warnings of the console, and uncaught exceptions.
    complaints: list[str]
    # Requested addresses other than the page's own.
    requests: list[str]


@contextlib.contextmanager
def open_page(
    where: Path | str, *, width: int = 1280, height: int = 900, dark: bool = False, javascript: bool = True
) -> Iterator[Visit]:
    """Open a file or an address. Skips the test if Playwright or Chromium is not installed.

    Keep it open briefly: meanwhile asyncio.run does not work in this thread.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'")
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    address = where.resolve().as_uri() if isinstance(where, Path) else where
    complaints: list[str] = []
    requests: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*_ARGUMENTS])
        try:
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                java_script_enabled=javascript,
            )
            page.on("console", lambda message: _note(complaints, message))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: requests.append(request.url) if request.url != address else None)
            page.goto(address)
            yield Visit(page, complaints, requests)
        finally:
            browser.close()


def _note(complaints: list[str], message: Any) -> None:
    if message.type in ("error", "warning"):
        complaints.append(message.text)
