"""Settings of the documentation site; `make docs` builds it."""

import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from reference_pages import ROOT, write_pages  # noqa: E402

project = "morphovote"
author = "the morphovote authors"
version = re.search(
    r'__version__ = "(.+)"', (ROOT / "scripts/morphovote/__init__.py").read_text(encoding="utf-8")
)[1]
release = version
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = "morphovote"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {"start": []}
highlight_language = "none"
default_role = "code"
# Two modules may have a class of one name; the types of arguments lead to neither.
suppress_warnings = ["ref.python"]
html_show_sphinx = False
html_math_renderer = "mathml"
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
copyright = "the morphovote authors; BSD-3-Clause"
# Links to headings, as forges have them.
myst_heading_anchors = 4
add_module_names = False
python_maximum_signature_line_length = 88


def move_links(app, page: str, source: list[str]) -> None:
    """Lead links out of docs/ to the copies of these pages in the site."""
    source[0] = source[0].replace("](../resources/encoder/README.md)", "](reference/encoder.md)")
    if page.startswith("reference/"):
        source[0] = re.sub(r"\]\(docs/([\w/]+\.\w+)", r"](../\1", source[0])


def visit_math(writer, node: nodes.Node) -> None:
    """Write an equation as MathML, which browsers show without a script or a network."""
    inline = isinstance(node, nodes.math)
    writer.body.append(tex2mathml(node.astext(), as_block=not inline))
    raise nodes.SkipNode


def setup(app) -> None:
    write_pages(HERE / "reference")
    app.connect("source-read", move_links)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
