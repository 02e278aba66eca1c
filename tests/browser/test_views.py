"""Each view shows what a real client sent."""

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect
from show import Show

from statsd_trio.replay.files import read_capture

REFUSED = "checkout.total:1,5|c|#env:prod"
CRITICAL = 2


def test_first_metric_takes_the_place_of_the_welcome(page: Page, show: Show) -> None:
    show.open(page)
    expect(page.get_by_text("No metric has come yet")).to_be_visible()
    command = f"statsd-trio send 127.0.0.1:{show.port} 'page.views:1|c|#page:home'"
    expect(page.locator(".copy-box pre").first).to_have_text(command)
    subprocess.run(["bash", "-c", command], check=True)
    expect(page.get_by_role("link", name="page.views")).to_be_visible()


def test_a_metric_is_found_opened_and_left_by_keyboard(page: Page, show: Show) -> None:
    client = show.make_client()
    for name in ("checkout.completed", "checkout.failed", "queue.depth"):
        client.increment(name)
    show.open(page)
    rows = page.locator("#metrics [role=rowgroup] [role=row]")
    expect(rows).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("check comp")
    expect(rows).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="checkout.completed")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="checkout.completed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(rows).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="checkout.failed")).to_be_visible()
    page.keyboard.press("Escape")
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_link_of_a_view_opens_it_again(page: Page, show: Show) -> None:
    client = show.make_client()
    client.gauge("queue.depth", 3, tags=["queue:mail"])
    client.increment("page.views")
    show.open(page)
    page.get_by_label("Type", exact=True).select_option("gauge")
    page.get_by_label("Tag", exact=True).fill("queue:mail")
    expect(page.get_by_role("link", name="page.views")).to_have_count(0)
    page.goto(page.url)
    expect(page.get_by_role("link", name="queue.depth")).to_be_visible()
    expect(page.get_by_role("link", name="page.views")).to_have_count(0)


def test_a_chart_is_split_by_a_tag(page: Page, show: Show) -> None:
    client = show.make_client()
    for env in ("prod", "staging"):
        client.histogram("checkout.seconds", 0.2, tags=[f"env:{env}"])
    show.open(page, "?view=metric&name=checkout.seconds")
    legend = page.locator(".u-legend")
    expect(legend).to_contain_text("p95")
    page.get_by_label("Split by").select_option("env")
    expect(legend).to_contain_text("env:prod")
    expect(legend).to_contain_text("env:staging")
    expect(page.locator("#contexts")).to_contain_text("env:staging")
    expect(page.locator(".lines")).to_contain_text("checkout.seconds:0.2|h|#env:prod")


def test_a_rejected_line_has_a_caret_under_its_fault(page: Page, show: Show) -> None:
    client = show.make_client()
    for _ in range(3):
        client._send_to_server(REFUSED)
    show.open(page, "?view=rejected")
    row = page.locator(".rejected")
    expect(row).to_have_count(1)
    expect(row.locator(".times")).to_have_text("3\u00d7")
    line, caret = row.locator(".faulty").inner_text().split("\n")
    assert line == REFUSED
    assert caret == " " * REFUSED.index(",") + "^"
    expect(row.locator(".suggestion code")).to_have_text(REFUSED.replace(",", ".", 1))


def test_the_copied_test_passes(page: Page, show: Show, tmp_path: Path) -> None:
    send = 'client.increment("checkout.completed", 3, tags=["env:prod", "shop:1"])'
    client = show.make_client()
    client.increment("checkout.completed", 3, tags=["env:prod", "shop:1"])
    show.open(page, "?view=metric&name=checkout.completed")
    expect(page.locator("#copy-test")).to_be_visible()
    copied = []
    for button in (page.locator("#copy-test"), page.locator("#contexts .link")):
        page.evaluate("navigator.clipboard.writeText('')")
        button.click()
        page.wait_for_function("navigator.clipboard.readText()")
        copied.append(page.evaluate("navigator.clipboard.readText()"))
    assert all(
        re.match(r'dogstatsd\.assert_counter\("checkout\.completed"', each)
        for each in copied
    )
    (tmp_path / "test_copied.py").write_text(
        "from datadog.dogstatsd import DogStatsd\n\n\n"
        "def test_copied(dogstatsd):\n"
        "    client = DogStatsd(host=dogstatsd.host, port=dogstatsd.port)\n"
        f"    {send}\n"
        "    client.flush()\n" + "".join(f"    {each}\n" for each in copied)
    )
    command = [sys.executable, "-m", "pytest", "-q", "test_copied.py"]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_events_and_checks_are_a_feed(page: Page, show: Show) -> None:
    client = show.make_client()
    client.event("Deployed", "%%% \n**v2** is out\n %%%", alert_type="success")
    client.service_check("db.up", CRITICAL, message="no answer")
    show.open(page, "?view=feed")
    cards = page.locator(".card")
    expect(cards).to_have_count(2)
    expect(page.locator("pre.body")).to_have_text("**v2** is out")
    expect(cards.filter(has_text="db.up")).to_contain_text("critical")
    page.get_by_role("button", name="Service checks").click()
    expect(cards).to_have_count(1)


def test_the_price_is_the_users(page: Page, show: Show) -> None:
    client = show.make_client()
    for number in range(4):
        client.increment("page.views", tags=[f"page:{number}"])
    show.open(page, "?view=cardinality")
    cost = page.locator(".cost")
    expect(cost).to_contain_text("4 custom metrics from 4 contexts")
    expect(cost.locator("output")).to_have_text("= …")
    cost.locator("input").fill("0.5")
    expect(cost.locator("output")).to_have_text("= 2.00 a month")
    page.get_by_role("row", name=re.compile("page.views")).click()
    expect(page.locator(".detail")).to_contain_text("4 values")


def test_a_loss_stands_at_its_stage(page: Page, show: Show) -> None:
    show.open(page, "?view=flow")
    expect(page.locator(".summary")).to_contain_text("Nothing was lost")
    show.make_client()._send_to_server(REFUSED)
    expect(page.locator(".summary")).to_contain_text("1 lost")
    expect(page.locator(".stage.is-bad h3")).to_have_text("Lines")


def test_pause_clear_and_export(page: Page, show: Show) -> None:
    client = show.make_client()
    client.increment("page.views")
    show.open(page)
    expect(page.get_by_role("link", name="page.views")).to_be_visible()
    page.keyboard.press("p")
    expect(page.locator(".notices")).to_contain_text("Paused")
    client.increment("late.views")
    expect(page.locator(".notices")).to_contain_text("1 line came meanwhile")
    expect(page.get_by_role("link", name="late.views")).to_have_count(0)
    page.keyboard.press("p")
    expect(page.locator(".notices")).to_be_empty()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Capture")).click()
    (captured,) = read_capture(download.value.path())
    assert captured.data.rstrip() == b"page.views:1|c"
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Sure?").click()
    expect(page.get_by_text("No metric has come yet")).to_be_visible()
