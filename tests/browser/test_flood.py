"""Ten thousand contexts at 20 000 lines a second, with the page open."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from show import Show

LINES_PER_SECOND = 20_000
PHASE_MILLISECONDS = 8_000
FLOOD = Path(__file__).with_name("flood.py")
MEASURE_FRAMES = """
() => {
  window.frames_seen = [];
  window.tasks_seen = [];
  let last = performance.now();
  const note = (now) => {
    window.frames_seen.push(now - last);
    last = now;
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.tasks_seen.push(task.duration);
  }).observe({ entryTypes: ["longtask"] });
}
"""


def test_a_flood_harms_neither_page_nor_server(
    page: Page, show: Show, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = 3.5 * PHASE_MILLISECONDS / 1000
    command = [str(FLOOD), str(show.port), str(LINES_PER_SECOND), str(seconds)]
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True
    ) as flood:
        # A tab of nothing waits where the page will be, so that both phases pay
        # for a browser.
        page.goto("about:blank")
        page.wait_for_timeout(4000)
        alone = measure_cpu(page, show)
        show.open(page)
        expect(page.locator("#metrics")).to_have_attribute("aria-rowcount", "1001")
        page.evaluate(MEASURE_FRAMES)
        together = measure_cpu(page, show)
        frames = sorted(page.evaluate("window.frames_seen"))
        tasks = page.evaluate("window.tasks_seen")
        rows = page.locator("#metrics [role=row]").count()
        scroll_to_the_end(page)
        sent = int(flood.communicate(timeout=60)[0])
    page.wait_for_timeout(1500)
    ledger = show.get("flow")["ledger"]
    usual = frames[int(len(frames) * 0.99)]
    with capsys.disabled():
        print(  # noqa: T201 -- the figures are what one wants to see
            f"\n{sent} lines sent, {ledger['lines']['read']} read; processor of the "
            f"server {alone:.2f} s without and {together:.2f} s with the page "
            f"({together / alone:.2f} times); {len(frames)} frames, of which 99 % took "
            f"up to {usual:.0f} ms, the longest {frames[-1]:.0f}; longest task of the "
            f"page {max(tasks, default=0):.0f} ms; {rows} rows in the document"
        )
    assert ledger["lines"]["read"] == sent
    assert ledger["contexts"]["current"] == 10_000
    assert sum(each["kernel_dropped"] or 0 for each in ledger["listeners"]) == 0
    assert rows < 60
    # One frame in a hundred may be that of another program of a busy machine.
    assert usual < 100
    assert together <= 2 * alone


def measure_cpu(page: Page, show: Show) -> float:
    before = show.read_cpu_seconds()
    page.wait_for_timeout(PHASE_MILLISECONDS)
    return show.read_cpu_seconds() - before


def scroll_to_the_end(page: Page) -> None:
    page.locator("#metrics").focus()
    page.keyboard.press("End")
    expect(
        page.get_by_role("link", name="flood.metric_999", exact=True)
    ).to_be_visible()
