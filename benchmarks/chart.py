"""Draw the results that are kept in the repository, as two SVG files: light and dark.

    python -m benchmarks chart                          # from benchmarks/results/
    python -m benchmarks chart flood.json steady.json --keep results.json

The files are those that `--json` of `flood` and `steady` writes. `--keep` writes what
the chart needs of them into one small file. What others' servers did stands in
`peers.json`, with the way in which it was measured.
"""

import argparse
import json
import re
import shlex
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.drawing import THEMES, Bar, Drawing, Theme

_RESULTS: Final = Path(__file__).parent / "results"
_IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"

# What is kept of a run, in the layout of the benchmarks' own files.
_KEPT: Final = ("server", "seconds", "lines_lost", "taken_per_second")

_FLOOD_CASE: Final = "as fast as can be"
_STEADY_CASES: Final = ("1000 packets/s", "10000 packets/s", "50000 packets/s")

_NAMES: Final = {
    "statsd-trio, native": "statsd-trio, native engine",
    "statsd-trio, plain": "statsd-trio, plain Python",
    "single loop": "a single loop, the older design",
    "count newlines": "counting newlines, and no more",
}


def shrink(results: dict[str, Any]) -> dict[str, Any]:
    """Return what the chart needs from the files of `flood` and `steady`.

    Paths are left out of the commands, the release of the kernel is cut to its
    numbers, and other checkouts are left out altogether.
    """
    return {
        name: {
            "machine": re.sub(r"(Linux [0-9.]+)[^,]*", r"\1", one["machine"]),
            "command": _shorten(one["command"]),
            "results": [
                {
                    "case": result["case"],
                    "found": {
                        **{key: result["found"][key] for key in _KEPT},
                        "sent": [
                            {key: sent[key] for key in ("lines", "seconds")}
                            for sent in result["found"]["sent"]
                        ],
                        "report": {
                            key: result["found"]["report"][key]
                            for key in ("lines", "cpu_seconds")
                        },
                    },
                }
                for result in one["results"]
                if not result["found"]["server"].startswith("checkout")
            ],
        }
        for name, one in results.items()
    }


def _shorten(command: str) -> str:
    words = iter(shlex.split(command))
    kept = [
        word for word in words if word not in {"--json", "--against"} or not next(words)
    ]
    return shlex.join(kept)


def list_floods(results: dict[str, Any], peers: dict[str, Any]) -> Iterator[Bar]:
    """List the lines a second that each server took, our own servers first."""
    runs: dict[str, list[float]] = {}
    for result in results["flood"]["results"]:
        if result["case"] == _FLOOD_CASE:
            found = result["found"]
            runs.setdefault(found["server"], []).append(found["taken_per_second"])
    yield from _list_bars(runs)
    for peer in peers["peers"]:
        if "flood" in peer:
            least, greatest = peer["flood"]
            yield Bar(
                peer["name"], "peer", least, least, greatest, peer.get("flood_note", "")
            )


def list_shares(
    case: str, results: dict[str, Any], peers: dict[str, Any]
) -> Iterator[Bar]:
    """List the share of a core in percent that *case* cost each server."""
    runs: dict[str, list[float]] = {}
    for result in results["steady"]["results"]:
        if result["case"] == case:
            found = result["found"]
            share = 100 * found["report"]["cpu_seconds"] / found["sent"][0]["seconds"]
            runs.setdefault(found["server"], []).append(share)
    yield from _list_bars(runs)
    for peer in peers["peers"]:
        if case in peer.get("steady", {}):
            share = peer["steady"][case]
            yield Bar(peer["name"], "peer", share, share, share)


def _list_bars(runs: dict[str, list[float]]) -> Iterator[Bar]:
    for server, figures in runs.items():
        kind = "ours" if server.startswith("statsd-trio") else "baseline"
        yield Bar(
            _NAMES[server],
            kind,
            statistics.median(figures),
            min(figures),
            max(figures),
        )


def draw(results: dict[str, Any], peers: dict[str, Any], theme: Theme) -> str:
    """Draw the flood and the everyday rates of *results* beside those of *peers*."""
    drawing = Drawing(theme)
    floods = list(list_floods(results, peers))
    drawing.add_title(
        "Lines a second that one core takes",
        "A flood of 1432-byte packets: six types, 1000 contexts, three tags, random "
        "values. Longer is better.",
    )
    scale = max(bar.greatest for bar in floods)
    for bar in floods:
        if bar.kind == "peer" and floods[floods.index(bar) - 1].kind != "peer":
            drawing.add_heading("with another load generator, as said below")
        drawing.add_bar(bar, scale, _format_lines(bar))
    drawing.add_title(
        "Share of a core at everyday rates",
        "One-line packets, evenly spaced; statsd-trio lost none. Shorter is better.",
    )
    shares = {case: list(list_shares(case, results, peers)) for case in _STEADY_CASES}
    scale = max(bar.greatest for bars in shares.values() for bar in bars)
    for case, bars in shares.items():
        drawing.add_heading(f"{int(case.split()[0]):,} packets a second")
        for bar in bars:
            drawing.add_bar(bar, scale, f"{bar.middle:.1f} %".replace(".0 %", " %"))
    machine = results["flood"]["machine"].rpartition(", load")[0]
    drawing.add_notes(
        [
            "Medians of five runs, with the least and the greatest, on two cores:",
            f"{machine}.",
            *peers["notes"],
        ]
    )
    return drawing.finish(
        "Lines a second and shares of a core: "
        + "; ".join(f"{bar.name} {_format_lines(bar)} lines/s" for bar in floods)
    )


def _format_lines(bar: Bar) -> str:
    figures = [bar.least, bar.greatest] if bar.kind == "peer" else [bar.middle]
    return " to ".join(
        f"{figure / 1e6:.2f} M" if figure >= 1e6 else f"{figure / 1e3:.0f},000"
        for figure in dict.fromkeys(figures)
    )


def main() -> None:
    """Read the results, keep them if asked to, and write a file for each theme."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks chart",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", nargs="*", type=Path, help="files of --json")
    parser.add_argument("--peers", type=Path, default=_RESULTS / "peers.json")
    parser.add_argument("--keep", type=Path, help="write what is needed into this file")
    parser.add_argument("--folder", type=Path, default=_IMAGES, help="of the pictures")
    options = parser.parse_args()
    peers = json.loads(options.peers.read_text(encoding="utf-8"))
    results: dict[str, Any] = {}
    for path in options.results or [_RESULTS / "results.json"]:
        results |= json.loads(path.read_text(encoding="utf-8"))
    results = shrink({name: results[name] for name in ("flood", "steady")})
    if options.keep:
        options.keep.write_text(_dump(results), encoding="utf-8")
    for name, theme in THEMES.items():
        path = options.folder / f"performance-{name}.svg"
        path.write_text(draw(results, peers, theme), encoding="utf-8")
        print(f"wrote {path}")


def _dump(results: dict[str, Any]) -> str:
    """Write one result per line, so that differences are easy to read."""
    text = json.dumps(results)
    return re.sub(r'("results": \[|\}, )(?=\{"case")', r"\1\n  ", text) + "\n"


if __name__ == "__main__":
    main()
