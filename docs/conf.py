"""How Sphinx builds these pages: sphinx-build -W -b html docs docs/_build/html."""

from msgcli import __version__

project = "msgcli"
copyright = "the msgcli contributors"  # noqa: A001  (Sphinx's name for it)
release = version = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "msgcli"
