import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

PAGE = Path(str(files("statsd_trio.dev") / "page"))
OWN = sorted(
    path.relative_to(PAGE).as_posix()
    for path in PAGE.rglob("*")
    if path.is_file() and "vendor" not in path.parts
)


def test_vendored_libraries_are_those_that_were_fetched() -> None:
    packages = json.loads((PAGE / "vendor/vendored.json").read_text())["packages"]
    listed = {
        file["name"]: file["sha256"]
        for package in packages
        for file in package["files"].values()
    }
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (PAGE / "vendor").iterdir()
        if path.name != "vendored.json"
    }
    assert found == listed


@pytest.mark.parametrize("name", OWN)
def test_a_file_refers_to_nothing_but_other_files_of_the_page(name: str) -> None:
    text = (PAGE / name).read_text(encoding="utf-8")
    named = re.findall(r"""(?:from|href=|src=|url\()\s*["'](/?[\w./-]+)["']""", text)
    named = [each for each in named if each.startswith("/page/")]
    missing = [
        each for each in named if not (PAGE / each.removeprefix("/page/")).exists()
    ]
    assert missing == []
    elsewhere = set(re.findall(r"https?://[^\s\"'`]+", text))
    assert elsewhere <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", [name for name in OWN if name.endswith(".js")])
def test_a_module_writes_no_markup(name: str) -> None:
    text = (PAGE / name).read_text(encoding="utf-8")
    assert not re.search("innerHTML|outerHTML|insertAdjacentHTML|InnerHTML", text)
    imports = re.findall(r"""\bfrom ["']([^"']+)["']""", text)
    assert all(each.startswith("/page/") for each in imports)


def test_the_document_has_neither_script_nor_style_of_its_own() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    assert "<style" not in text
    assert " style=" not in text
    assert re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) == [""]
