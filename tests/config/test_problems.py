import pytest
import trio

from statsd_trio.config import Config, find_problems

KEY = "0123456789abcdef0123456789abcdef"


async def fetch_key() -> str:
    await trio.lowlevel.checkpoint()
    return KEY


def test_default_lacks_a_key_only() -> None:
    [problem] = find_problems(Config())

    # It is a program that made it, and reads this.
    assert "Config(api_key=...)" in problem
    assert "sinks=[...]" in problem
    assert "DD_API_KEY" not in problem
    assert "--sink" not in problem


def test_key_makes_it_complete() -> None:
    assert find_problems(Config(api_key=KEY)) == []


def test_key_that_is_fetched_is_not_looked_into() -> None:
    assert find_problems(Config(api_key=fetch_key)) == []


def test_lack_of_a_listener_is_told_in_python() -> None:
    [problem] = find_problems(Config(api_key=KEY, port=None))

    assert problem.startswith("nothing to listen on: set one of port, socket_path")
    assert "port=0 takes any free port" in problem


def test_sinks_handed_over_need_no_key() -> None:
    assert find_problems(Config(), has_sinks=True) == []


def test_value_of_the_wrong_type_is_a_problem() -> None:
    config = Config(api_key=KEY, port="8125")  # type: ignore[arg-type]

    assert find_problems(config) == ["port=8125: str is the wrong type"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (Config(api_key=KEY, port=70000), "port=70000: not a port: 0 to 65535"),
        (
            Config(api_key=KEY, http="x"),
            "http=x: not HOST:PORT, such as 127.0.0.1:8129",
        ),
        (
            Config(api_key=KEY, sinks=["nowhere"]),
            (
                "sinks=('nowhere',): unknown 'nowhere'; known are datadog, otlp,"
                " console, jsonl"
            ),
        ),
        (
            Config(api_key=KEY, shutdown_seconds=float("nan")),
            "shutdown_seconds=nan: must be 0 or more",
        ),
    ],
)
def test_value_out_of_bounds_is_a_problem(config: Config, problem: str) -> None:
    assert find_problems(config) == [problem]


def test_no_problem_shows_a_secret() -> None:
    problems = find_problems(Config(api_key=f"ENC[{KEY}]", proxy=f"ftp://u:{KEY}@h"))

    assert len(problems) == 2
    assert KEY not in "\n".join(problems)
