"""What holds for the whole page: strangers' text, a lost server, light and dark."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from show import Show

MARKUP = "<img src=x onerror=hacked=1>"
VIEWS = (
    "",
    "?view=metric&name=checkout.seconds&by=env",
    "?view=feed",
    "?view=rejected",
    "?view=cardinality&name=checkout.seconds",
    "?view=flow",
)


def send_everything(show: Show) -> None:
    client = show.make_client()
    for env in ("prod", "staging"):
        client.histogram("checkout.seconds", 0.2, tags=[f"env:{env}", "shop:1"])
    client.gauge("queue.depth", 3, sample_rate=0.5)
    client.gauge("queue.depth", 3)
    client.increment("a.name." + "that.does.not.end." * 9, tags=["key:" + "x" * 180])
    client.event("Deployed", "%%% \n**v2** is out\n %%%", alert_type="error")
    client.service_check("db.up", 1, message="slow")
    client._send_to_server("checkout.total:1,5|c|#env:prod," + "y" * 300)


def test_what_a_client_sends_is_text(page: Page, show: Show) -> None:
    client = show.make_client()
    tags = [f"{MARKUP}:{MARKUP}"]
    client._send_to_server(f"{MARKUP}:1|c|#{tags[0]}")
    client.event(MARKUP, f"%%% \n{MARKUP}\n %%%", tags=tags, hostname=MARKUP)
    client.service_check(MARKUP, 1, message=MARKUP, tags=tags)
    client._send_to_server(f"{MARKUP}:{MARKUP}|c")
    show.open(page)
    expect(page.locator("#metrics .name")).to_have_count(1)
    (row,) = show.get("metrics")["rows"]
    name = row["name"]
    expect(page.locator("#metrics .name").first).to_have_text(name)
    page.locator("#metrics .name").first.click()
    expect(page.locator(".metric-head h2")).to_have_text(name)
    expect(page.locator(".u-legend")).to_be_visible()
    key = show.get(f"metric?name={page.url.partition('name=')[2]}")["tag_keys"][0][
        "key"
    ]
    page.get_by_label("Split by").select_option(key)
    expect(page.locator(".u-legend")).to_contain_text(MARKUP.partition("=")[0])
    page.keyboard.press("2")
    expect(page.locator(".card h3")).to_have_text([MARKUP, MARKUP])
    page.keyboard.press("3")
    expect(page.locator(".faulty")).to_contain_text(MARKUP)
    page.keyboard.press("4")
    page.locator("#cardinality .name").first.click()
    expect(page.locator(".detail")).to_contain_text(MARKUP.partition("=")[0])
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_the_page_goes_on_after_a_restart_of_the_server(page: Page, show: Show) -> None:
    show.make_client().increment("before.restart")
    show.open(page)
    expect(page.get_by_role("link", name="before.restart")).to_be_visible()
    show.stop()
    expect(page.locator(".pulse")).to_have_text("Reconnecting")
    expect(page.get_by_role("link", name="before.restart")).to_be_visible()
    show.start()
    expect(page.get_by_text("No metric has come yet")).to_be_visible()
    show.make_client().increment("after.restart")
    expect(page.get_by_role("link", name="after.restart")).to_be_visible()
    expect(page.locator(".notices")).to_be_empty()


def test_light_and_dark_are_the_systems(page: Page, show: Show) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        show.open(page)
        shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(map(int, shade[4:-1].split(",")))
    assert shades["dark"] < 150
    assert shades["light"] > 600


@pytest.mark.parametrize("width", [1280, 390])
def test_no_view_is_wider_than_the_screen(page: Page, show: Show, width: int) -> None:
    send_everything(show)
    page.set_viewport_size({"width": width, "height": 844})
    for query in VIEWS:
        show.open(page, query)
        page.wait_for_function("document.readyState === 'complete'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, query


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Browser, show: Show, scheme: str) -> None:
    send_everything(show)
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme=scheme
    )
    page = context.new_page()
    for query in VIEWS:
        show.open(page, query)
        found = Axe().run(page).response["violations"]
        serious = [
            (each["id"], node["html"], node["failureSummary"])
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]
        assert serious == [], query
    context.close()


def test_the_page_says_what_was_forgotten_and_how_a_program_ended(
    page: Page, show: Show
) -> None:
    state = show.get("state")
    state["history"]["forgot"] = "Forgot the history of 120 contexts."
    state["history"]["untracked_lines"] = 7
    state["unmeasured_lines"] = 8
    state["child"] = {"command": "python app.py", "pid": 8, "exit_code": 3}
    body = f"event: state\ndata: {json.dumps(state)}\n\n"
    page.route(
        "**/api/stream?*",
        lambda route: route.fulfill(content_type="text/event-stream", body=body),
    )
    page.goto(show.url)
    notices = page.locator(".notices")
    expect(notices).to_contain_text("Forgot the history of 120 contexts.")
    expect(notices).to_contain_text(
        "7 lines of contexts beyond what the page remembers"
    )
    expect(notices).to_contain_text("8 lines came faster than the page can measure")
    expect(notices).to_contain_text("python app.py ended with exit code 3.")
