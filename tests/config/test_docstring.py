import inspect
import pydoc
import re

import attrs
import pytest

from statsd_trio import Config
from statsd_trio.config.docstring import extend_docstring


def document(name: str) -> str:
    """Return what the documentation of `Config` says of one field, on one line."""
    text = re.sub(r"\n {8}", " ", Config.__doc__ or "")
    [line] = [each for each in text.splitlines() if each.startswith(f"    {name}: ")]
    return line.strip()


@pytest.mark.parametrize("field", attrs.fields(Config), ids=lambda field: field.name)
def test_help_documents_every_field(field: "attrs.Attribute[object]") -> None:
    words = field.metadata.get("in_python") or field.metadata["help"]

    assert document(field.name).startswith(f"{field.name}: {words}")


def test_help_tells_what_a_program_needs_to_know() -> None:
    assert document("port") == (
        "port: UDP port to listen on; 0 picks a free one, None turns UDP off. "
        "Default: 8125."
    )
    assert document("counter_type").endswith("Known are rate, count. Default: 'rate'.")
    assert document("log_level").endswith("Live.")
    # It is this machine's.
    assert "Default" not in document("hostname")


def test_python_shows_it() -> None:
    shown = pydoc.render_doc(Config, renderer=pydoc.plaintext)  # type: ignore[attr-defined]  # of typeshed

    assert "port: UDP port to listen on; 0 picks a free one" in shown


def test_start_may_be_missing_as_it_is_under_optimisation() -> None:
    text = extend_docstring(None, attrs.fields(Config))

    assert inspect.cleandoc(text).startswith("Attributes:\n    use_dogstatsd: ")
