"""How Sphinx builds these pages: `make docs` calls it, and fails on every broken link."""

project = "syncd"
author = "the authors of syncd"
project_copyright = author

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
nitpicky = True

html_theme = "furo"
html_title = "syncd"
html_show_sphinx = False

# Links to headings, such as mapping.md#choose-the-match-field, by the names that GitHub gives them.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
