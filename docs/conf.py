"""How Sphinx makes HTML of the pages; a warning fails the session that runs it."""

import importlib.metadata
import re
from typing import Any, Final

import attrs
from sphinx.application import Sphinx

project = "statsd-trio"
author = "The statsd-trio developers"
project_copyright = author
release = importlib.metadata.version("statsd-trio")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]

# Pages.
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 4

# Docstrings are of Google's form, with names in single backticks.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 88

nitpicky = True
# Names of other projects, of Python itself, and of modules that are not public.
nitpick_ignore_regex = [(r"py:.*", r".*")]

html_theme = "furo"
html_title = f"statsd-trio {release}"
html_static_path = ["_static"]
html_css_files = ["wide.css"]

# What is copied from a block is what can be pasted: no prompts, no output.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"
copybutton_only_copy_prompt_lines = True

# The pages link to the repository and to their own sources, once pyproject.toml names
# an address in the place of the one that no name server knows.
_metadata = importlib.metadata.metadata("statsd-trio")
_urls = dict(url.split(", ", 1) for url in _metadata.get_all("Project-URL") or ())
_repository = _urls.get("Repository", "")
if _repository and ".invalid/" not in _repository:
    html_theme_options = {
        "source_repository": f"{_repository.rstrip('/')}/",
        "source_branch": "main",
        "source_directory": "docs/",
    }

# A default that is longer than this says less than the description of the field.
_MAX_DEFAULT: Final = 40


def setup(app: Sphinx) -> None:
    """Have the signatures of attrs classes show the defaults of their fields."""
    app.connect("autodoc-process-signature", _show_defaults)


def _show_defaults(
    _app: Sphinx,
    _what: str,
    _name: str,
    described: Any,
    _options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    # Sphinx reads defaults from the source, so that none is shown that the machine
    # has set, such as the environment. What attrs generates names them as below.
    if signature and isinstance(described, type) and attrs.has(described):
        fields = attrs.fields_dict(described)
        signature = re.sub(
            r"attr_dict\['(\w+)'\]\.default|\bNOTHING\b",
            lambda match: (
                _show_default(fields[match[1]].default) if match[1] else "..."
            ),
            signature,
        )
    return signature, returned


def _show_default(default: object) -> str:
    shown = repr(default)
    return shown if len(shown) <= _MAX_DEFAULT and "<" not in shown else "..."
