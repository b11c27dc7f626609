"""The page of `check_fields`: what was found in a field's files, in tables and thumbnails."""

import base64
import io

import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image

from morphovote.report.stamps import stretch

TEMPLATE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ field }}: its files</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>body{font:16px/1.45 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{border-bottom:1px solid #ccc;padding:.25em
.8em .25em 0;text-align:left;vertical-align:top}figure{display:inline-block;margin:0 1em 1em 0}
img{width:12em;image-rendering:pixelated}</style>
<h1>{{ field }}: what is in its files</h1>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>
{% if pictures %}<p>Some sources as they lie in the images, from the bright to the faint where
magnitudes are given. Each should show its source in the middle.</p>
{% for name, uri in pictures %}<figure><img src="{{ uri }}" alt="source {{ name }}">
<figcaption>{{ name }}</figcaption></figure>{% endfor %}{% endif %}
<h2>Images</h2>
<table><tr><th>file</th><th>plane</th><th>pixels</th><th>usable</th><th>noise map</th><th>plane</th>
<th>noise</th></tr>
{% for row in images %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% for title, table in catalogues %}<h2>{{ title }}</h2>
<p>{{ table.file }}: {{ table.rows }} rows, {{ table.columns }} columns</p>
<table><tr><th>role</th><th>column</th><th>unit</th><th>first values</th></tr>
{% for role, cells in table.roles.items() %}<tr><td>{{ role }}</td>{% for cell in cells %}
<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>{% endfor %}
</html>
"""


def describe_check(found: dict) -> list[str]:
    """The essentials of `inspection.inspect_field`, a sentence each, without its notes."""
    first, usable = found["images"][0], [row[3] for row in found["images"]]
    scale = f", {found['scale']:.4g} arcsec a pixel" if found["scale"] else ""
    lines = [
        f"{found['files']:,} {found['kind']}, such as {first[0]} (plane {first[1]}, "
        f"{first[2][1]} x {first[2][0]} px{scale}); {100 * np.mean(usable):.0f} % of the pixels "
        "that were looked at are usable"
    ]
    if first[4]:
        level = "no pixel to tell its level"
        if first[6] is not None:
            level = f"a median rms of {first[6]:.3g}"
        lines.append(f"noise: {first[4]} (plane {first[5]}), with {level}")
    else:
        lines.append("noise: no map, so it is measured around each galaxy")
    lines.append(f"PSF: {found['psf'][1]} x {found['psf'][0]} px" if found["psf"] else "PSF: none")
    table, counts = found["catalogue"], found["counts"]
    if table is None:
        lines.append("no catalogue: " + ("sources are detected" if found["kind"] == "images"
                                         else "every cutout is a source"))  # fmt: skip
    else:
        roles = ", ".join(f"{role}: {cells[0]}" for role, cells in table["roles"].items())
        lines.append(f"{table['file']}: {table['rows']:,} rows; columns {{{roles}}}")
        if table["positions"] is not None and table["positions"] < table["rows"]:
            lines.append(f"{table['rows'] - table['positions']:,} of its rows have no position")
    if found["physical"]:
        lines.append(
            f"{found['physical']['file']}: matches {found['physical']['matched']:,} of the sources"
        )
    if counts:
        lines.append(
            f"{counts['sources']:,} sources, {counts['selected']:,} selected, of which "
            f"{counts['placed']:,} lie in an image"
        )
        values = {role: count for role, count in counts["values"].items() if count}
        if values:
            shown = ", ".join(f"{role} {count:,}" for role, count in values.items())
            lines.append(f"sources with a value of {shown}")
    if found["labels"]:
        lines.append(found["labels"])
    return lines


def render_check(field: str, found: dict) -> str:
    """The page: HTML that refers to no other file."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    titles = {"catalogue": "Catalogue", "physical": "Physical catalogue"}
    return environment.from_string(TEMPLATE).render(
        field=field,
        lines=[*describe_check(found), *found["notes"]],
        pictures=[(name, _picture(pixels)) for name, pixels in found["thumbnails"]],
        images=[_cells(row) for row in found["images"]],
        catalogues=[(title, found[key]) for key, title in titles.items() if found[key]],
    )


def _cells(row: list) -> list[str]:
    path, plane, shape, usable, noise, noise_plane, level = row
    return [
        path, plane, f"{shape[1]} x {shape[0]}", f"{100 * usable:.0f} %", noise or "none",
        noise_plane or "", "" if level is None else f"{level:.3g}",
    ]  # fmt: skip


def _picture(pixels: np.ndarray) -> str:
    """Data URI of a grey PNG, dark on white; missing pixels are white."""
    known = np.isfinite(pixels)
    values = pixels[known] if known.any() else np.zeros(1)
    level = np.median(values)
    sky = 1.4826 * np.median(np.abs(values - level))
    filled = np.where(known, pixels, level).astype(float)
    grey = stretch(filled - level, float(sky), float(np.percentile(values, 99.9) - level))
    grey = np.where(known, grey, 0)
    stream = io.BytesIO()
    # Row 0 of the array is the bottom of the image.
    Image.fromarray(np.uint8(np.rint(255 * (1 - grey[::-1])))).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
