"""How Sphinx makes HTML of the pages; a warning fails the session that runs it."""

import importlib.metadata

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
copybutton_prompt_text = r"[$#] "
copybutton_prompt_is_regexp = True
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
