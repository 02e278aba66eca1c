"""Sphinx: Markdown in, HTML out; a warning is an error."""

import importlib.metadata

project = "statsd-trio"
author = "The statsd-trio developers"
project_copyright = author
release = importlib.metadata.version("statsd-trio")

extensions = ["myst_parser", "sphinx.ext.doctest"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nitpicky = True
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"statsd-trio {release}"
