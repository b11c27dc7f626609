"""What the pages for people have in common: one file, no other files, text only ever as text."""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined


def embed(data: dict) -> str:
    """JSON that can stand in a script element: no text in it ends the element or opens a comment.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def fill_page(
    template: str | Path,
    styles: Sequence[str | Path],
    scripts: Sequence[str | Path],
    data: dict,
    **values,
) -> str:
    """Fill a page's template.

    Parameters
    ----------
    template : path
        Jinja2. Its content security policy names `digest`, so that no script runs but these.
    styles, scripts : sequence of path
        CSS and JavaScript, each joined into one.
    data : dict
        `field` and all else that the scripts read.
    **values
        What else the template takes.

    Returns
    -------
    str
        HTML that refers to no other file.
    """
    style, code = (
        "\n".join(Path(path).read_text(encoding="utf-8") for path in paths)
        for paths in (styles, scripts)
    )
    digest = base64.b64encode(hashlib.sha256(code.encode("utf-8")).digest()).decode("ascii")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(Path(template).read_text(encoding="utf-8"))
    return page.render(
        field=data["field"], style=style, data=embed(data), script=code, digest=digest, **values
    )
