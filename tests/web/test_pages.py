import pytest
import trio
from starlette.responses import PlainTextResponse, Response
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.web import Page


class Work:
    """Makes an answer, which takes some time, and counts."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.version = 0
        self.begun = 0
        self.ended = 0
        self.under_way = 0
        self.most_under_way = 0

    async def make(self) -> Response:
        self.begun += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        version = self.version
        try:
            await trio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        self.ended += 1
        return PlainTextResponse(f"{version}")


async def test_all_who_ask_at_once_share_an_answer(autojump_clock: MockClock) -> None:
    work = Work(10)
    page = Page(work.make)
    answers: list[Response] = []

    async def ask() -> None:
        answers.append(await page.get())

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(ask)

    assert work.begun == 1
    assert all(answer is answers[0] for answer in answers)


async def test_answer_is_shared_for_a_second(autojump_clock: MockClock) -> None:
    work = Work()
    page = Page(work.make)
    begun: list[int] = []
    for _ in range(6):
        await page.get()
        begun.append(work.begun)
        await trio.sleep(0.3)
    # At 0, 0.3, 0.6, 0.9, 1.2 and 1.5 seconds.
    assert begun == [1, 1, 1, 1, 2, 2]


async def test_costly_answer_is_shared_for_longer(autojump_clock: MockClock) -> None:
    work = Work(5)
    page = Page(work.make)
    await page.get()
    await trio.sleep(19)
    await page.get()
    assert work.begun == 1
    await trio.sleep(2)
    await page.get()
    assert work.begun == 2


async def test_next_who_waits_takes_over_from_one_who_leaves(
    autojump_clock: MockClock,
) -> None:
    work = Work(10)
    page = Page(work.make)
    answers: list[Response] = []

    async def ask(patience: float) -> None:
        with trio.move_on_after(patience):
            answers.append(await page.get())

    async with trio.open_nursery() as nursery:
        for patience in (5, 7, 100, 100):
            nursery.start_soon(ask, patience)

    assert len(answers) == 2
    assert (work.most_under_way, work.ended) == (1, 1)


async def test_nothing_is_made_for_nobody(autojump_clock: MockClock) -> None:
    work = Work(10)
    page = Page(work.make)
    with trio.move_on_after(5):
        await page.get()
    await wait_all_tasks_blocked()
    assert (work.begun, work.under_way, work.ended) == (1, 0, 0)


async def test_page_that_fails_is_made_again() -> None:
    work = Work()

    async def fail_once() -> Response:
        answer = await work.make()
        return answer if work.begun > 1 else PlainTextResponse(str(1 / 0))

    page = Page(fail_once)
    with pytest.raises(ZeroDivisionError):
        await page.get()
    assert (await page.get()).body == b"0"


async def test_versioned_answer_is_shared_until_something_changes(
    autojump_clock: MockClock,
) -> None:
    work = Work()
    page = Page(work.make, read_version=lambda: work.version)
    await page.get()
    await trio.sleep(1000)
    await page.get()
    assert work.begun == 1
    work.version += 1
    assert (await page.get()).body == b"1"


async def test_who_asks_after_a_change_gets_no_answer_from_before(
    autojump_clock: MockClock,
) -> None:
    work = Work(10)
    page = Page(work.make, read_version=lambda: work.version)
    bodies: list[bytes] = []

    async def ask() -> None:
        bodies.append(bytes((await page.get()).body))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(5)
        work.version += 1
        nursery.start_soon(ask)
        nursery.start_soon(ask)

    assert bodies == [b"0", b"1", b"1"]
    assert (work.most_under_way, work.begun) == (1, 2)
