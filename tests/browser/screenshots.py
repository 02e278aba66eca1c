"""Takes the pictures of the documentation: screenshots.py CHROMIUM [SECONDS].

A small web shop sends for five minutes, so that there is something to see.
"""

import random
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from datadog.dogstatsd.base import DogStatsd
from PIL import Image
from playwright.sync_api import Browser
from show import Show, open_browser

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MAX_BYTES = 150_000
COLOURS = 256
SHOTS = {
    "metrics": ((1280, 500), ""),
    "metric": ((1280, 860), "?view=metric&name=checkout.duration"),
    "rejected": ((1280, 430), "?view=rejected"),
    "cardinality": ((1280, 500), "?view=cardinality&name=signup.started&price=0.05"),
    "flow": ((1280, 370), "?view=flow"),
}


def main(chromium: str, seconds: float) -> None:
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Show(Path(folder, "output")) as show,
        open_browser(chromium) as browser,
    ):
        is_over = threading.Event()
        sender = threading.Thread(target=send_until, args=(show.make_client(), is_over))
        sender.start()
        try:
            is_over.wait(seconds)
            for scheme in ("light", "dark"):
                for name, (size, query) in SHOTS.items():
                    shoot(browser, show, f"{name}-{scheme}", scheme, size, query)
        finally:
            is_over.set()
            sender.join()


def send_until(client: DogStatsd, is_over: threading.Event) -> None:
    """Send what a small web shop would; its chance is the same each time."""
    chance = random.Random(8)
    turn = 0
    while not is_over.wait(0.05):
        turn += 1
        send_turn(client, chance, turn)


def send_turn(client: DogStatsd, chance: random.Random, turn: int) -> None:
    env = f"env:{chance.choice(('prod', 'prod', 'staging'))}"
    shop = f"shop:{chance.choice(('berlin', 'lyon', 'porto'))}"
    wave = 1 + (turn // 200 % 3) / 2
    for _ in range(chance.randint(0, 3)):
        client.increment("checkout.completed", tags=[env, shop])
        client.histogram(
            "checkout.duration", wave * chance.lognormvariate(-2, 0.4), tags=[env, shop]
        )
    if chance.random() < 0.15:
        reason = f"reason:{chance.choice(('card', 'stock', 'timeout'))}"
        client.increment("checkout.failed", tags=[env, reason])
    table = f"table:{chance.choice(('orders', 'users'))}"
    client.timing("db.query.ms", chance.lognormvariate(3, 0.5), tags=[table])
    queue = chance.choice(("mail", "invoice"))
    client.gauge("queue.depth", turn % 140 + len(queue) * 9, tags=[f"queue:{queue}"])
    client.gauge("process.memory.rss", 210e6 + 4e4 * turn)
    client.set("users.active", chance.randint(1, 400), tags=[env])
    route = f"route:{chance.choice(('/', '/cart', '/pay'))}"
    client.distribution("http.response.size", chance.lognormvariate(8, 1), tags=[route])
    for _ in range(int(wave * 2)):
        client.increment("page.views", tags=[route])
    if turn % 3 == 0:
        client.increment("signup.started", tags=[f"user_id:{turn}"])
    if turn % 9 == 0:
        client.timing("mail.send.ms", chance.random() * 0.8)
    if turn % 7 == 0:
        client.gauge("cache.hit_ratio", 0.9 + chance.random() / 20, sample_rate=0.5)
    send_odd_ones(client, turn)


def send_odd_ones(client: DogStatsd, turn: int) -> None:
    if turn % 300 == 1:
        client.event(
            "Deployed checkout 2.14",
            "%%% \n**2.14** is out\n %%%",
            alert_type="success",
            tags=["env:prod", "team:shop"],
        )
        client.service_check("db.up", turn % 2, message="connected in 12 ms")
    if turn % 50 == 4:
        client._send_to_server("checkout.total:1,5|c|#env:prod")
    if turn % 120 == 5:
        client._send_to_server("checkout.duration:fast|h|#env:prod,shop:berlin")
    if turn % 200 == 7:
        client._send_to_server("page.views:1|q")


def shoot(
    browser: Browser,
    show: Show,
    name: str,
    scheme: str,
    size: tuple[int, int],
    query: str,
) -> None:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme
    )
    page = context.new_page()
    show.open(page, query)
    # The newest second is the first that is drawn whole.
    page.wait_for_timeout(1500)
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    context.close()
    shrink(path)
    if (written := path.stat().st_size) > MAX_BYTES:
        sys.exit(f"{path} is too large: {written} bytes")


def shrink(path: Path) -> None:
    """Keep the most frequent colours as they are, and some of all the others."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    counted = image.getcolors(image.width * image.height)
    colours = [colour for _, colour in sorted(counted, reverse=True)]
    kept, rare = colours[: COLOURS // 2], colours[COLOURS // 2 :]
    if rare:
        # Each counts once, so that a dot of green has its place beside many greys.
        others = Image.new("RGB", (len(rare), 1))
        others.putdata(rare)
        fewer = others.quantize(COLOURS // 2, Image.Quantize.MAXCOVERAGE)
        parts = fewer.getpalette() or []
        kept += zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in kept for part in colour])
    few = image.quantize(palette=palette, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 310.0)
