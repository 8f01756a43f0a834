"""Sphinx configuration of the site; ``make docs`` builds it into ``site/``."""

import sys
from pathlib import Path
from typing import get_args

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import dagen  # noqa: E402
from dagen import plugins  # noqa: E402

project = "dagen"
author = "the dagen contributors"
project_copyright = f"{author}, Apache-2.0"
version = release = dagen.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sitepages",
]
exclude_patterns = ["_ext", "README.md", "generated/*.md"]
templates_path = ["_templates"]

# Markdown
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "substitution"]
myst_heading_anchors = 3
myst_substitutions = {
    f"count_{kind}": str(len(plugins.names(kind))) for kind in get_args(plugins.Kind)
}

# Docstrings
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 76
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Strict: every reference to dagen has to lead somewhere. The inventories of other projects would
# need a network, and private helpers and what plug-ins share have no page.
nitpicky = True
# "More than one target for Config": every strategy has one, and the nearest is meant.
suppress_warnings = ["ref.python"]
nitpick_ignore_regex = [
    ("py:.*", r"(?!dagen(\.|$)).*"),
    ("py:.*", r"(.*\.)?_\w+(\..*)?"),
    ("py:.*", r"dagen\.(datasets\.(own|reading|synthetic)|methods\.shared|models\.layers)\..*"),
]

# Pages
html_theme = "furo"
html_title = "dagen"
html_static_path = ["_static", "pictures"]
html_css_files = ["dagen.css"]
html_js_files = [("tables.js", {"defer": "defer"}), ("moving.js", {"defer": "defer"})]
html_favicon = "_static/logo.svg"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_logo": "logo.svg",
    "dark_logo": "logo.svg",
    "sidebar_hide_name": False,
    "navigation_with_keys": True,
    "light_css_variables": {
        "color-brand-primary": "#00694d",
        "color-brand-content": "#00694d",
        "color-brand-visited": "#00523d",
    },
    "dark_css_variables": {
        "color-brand-primary": "#4fd1a5",
        "color-brand-content": "#4fd1a5",
        "color-brand-visited": "#8be0c4",
    },
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
