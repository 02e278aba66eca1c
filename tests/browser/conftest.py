import os
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("CHROMIUM", "")
# `nox -s browser` names one; the other sessions need none.
collect_ignore_glob = [] if CHROMIUM else ["*"]

if CHROMIUM:
    from playwright.sync_api import Browser, BrowserContext, Page, expect
    from show import Show, open_browser

    # A busy machine takes its time.
    expect.set_options(timeout=20_000)

    @pytest.fixture(scope="session")
    def browser() -> Iterator[Browser]:
        with open_browser(CHROMIUM) as browser:
            yield browser

    @pytest.fixture
    def show(tmp_path: Path) -> Iterator[Show]:
        with Show(tmp_path / "output") as show:
            yield show

    @pytest.fixture
    def context(browser: Browser) -> Iterator[BrowserContext]:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context
        context.close()

    @pytest.fixture
    def page(context: BrowserContext) -> Iterator[Page]:
        """A tab, in which no script fails and nothing is fetched from elsewhere."""
        page = context.new_page()
        page.set_default_timeout(20_000)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("http://127.0.0.1:", "data:"))
                else faults.append(f"asked for {request.url}")
            ),
        )
        page.on(
            "console",
            lambda message: (
                faults.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        yield page
        assert faults == []
