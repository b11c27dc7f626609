"""The page of `check_fields`: what was found in a field's files, in tables and thumbnails."""

import base64
import io

import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image

from morphovote.report.stamps import stretch

# Colour (red, green, blue) of the pixels of a thumbnail that are missing or outside the image, and
# least side (px) of a thumbnail on the page.
MISSING, SIDE = (190, 208, 224), 200

TEMPLATE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ field }}: its files</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
body{font:16px/1.5 system-ui,sans-serif;color:#1c1c1c;max-width:62em;margin:2em auto;padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}li{margin:.25em 0;overflow-wrap:anywhere}
.warnings{list-style:none;padding:0}.warnings li{background:#fff3d6;border:1px solid #b06d00;
border-left-width:.5em;border-radius:.25em;padding:.5em .8em;margin:.5em 0}
.warnings b{color:#8a4b00}.good{border-left:.5em solid #0072b2;padding-left:.8em}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.93em}
td,th{border-bottom:1px solid #d9d9d9;padding:.3em .9em .3em 0;text-align:left;vertical-align:top}
td{overflow-wrap:anywhere}th{color:#595959;font-weight:600;white-space:nowrap}
td.number{white-space:nowrap}figure{display:inline-block;margin:0 1em 1em 0;max-width:12.5em;
vertical-align:top}figcaption{font-size:.87em;overflow-wrap:anywhere}
img{width:12.5em;image-rendering:pixelated;border:1px solid #8a8a8a;display:block}
.quiet{color:#595959}</style>
<h1>{{ field }}: what is in its files</h1>
{% if warnings %}<ul class="warnings">{% for line in warnings %}
<li><b>&#9888; Warning:</b> {{ line }}</li>{% endfor %}</ul>
{% else %}<p class="good">No warning.</p>{% endif %}
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>
{% if pictures %}<h2>Some sources</h2>
<p>{{ about }}{% if holes %} <span class="quiet">Blue is outside the image, or without data.</span>
{% endif %}</p>
{% for name, uri in pictures %}<figure><img src="{{ uri }}" alt="source {{ name }}">
<figcaption>{{ name }}</figcaption></figure>{% endfor %}{% endif %}
<h2>The entry</h2>
<table>{% for key, value in entry %}<tr><th>{{ key }}</th><td>{{ value }}</td></tr>
{% endfor %}</table>
<h2>Images</h2>
<div class="wide"><table><tr><th>file</th><th>plane</th><th>pixels</th><th>usable</th>
<th>noise map</th><th>plane</th><th>its noise</th><th>scatter of the pixels</th>
{% if psfs %}<th>PSF</th><th>its FWHM (px)</th>{% endif %}</tr>
{% for row in images %}<tr>{% for cell in row %}
<td{% if loop.index0 not in (0, 4, 8) %} class="number"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% for title, table in catalogues %}<h2>{{ title }}</h2>
<p>{{ table.file }}: {{ table.rows }} rows, {{ table.columns }} columns</p>
<div class="wide"><table><tr><th>role</th><th>column</th><th>unit</th><th>first values</th></tr>
{% for role, cells in table.roles.items() %}<tr><th>{{ role }}</th>{% for cell in cells %}
<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>{% endfor %}
</html>
"""


def describe_check(found: dict) -> list[str]:
    """The essentials of `inspection.inspect_field`, a sentence each, without notes and warnings."""
    lines = _of_pixels(found)
    if found["bands"]:
        lines = [f"{name}: {line}" for name, one in found["bands"] for line in _of_pixels(one)]
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
        lines.append(_of_physical(found["physical"]))
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


def _of_pixels(found: dict) -> list[str]:
    """Images, noise and PSF of a field, or of one of its bands."""
    psf = _of_psf(found["psfs"], found["scale"], found["kind"] == "cutouts")
    return [_of_images(found), _of_noise(found["images"][0]), psf]


def _of_images(found: dict) -> str:
    first, usable = found["images"][0], [row[3] for row in found["images"]]
    scale = f", {found['scale']:.4g} arcsec a pixel" if found["scale"] else ""
    kind, such = found["kind"], ", such as"
    if found["files"] == 1:
        kind, such = kind.removesuffix("s"), ":"
    return (
        f"{found['files']:,} {kind}{such} {first[0]} (plane {first[1]}, "
        f"{first[2][1]} x {first[2][0]} px{scale}); {100 * np.mean(usable):.0f} % of the pixels "
        "that were looked at are usable"
    )


def _of_noise(row: list) -> str:
    *_, noise, plane, level, scatter = row
    if not noise:
        return "noise: no map, so it is measured around each galaxy"
    if scatter is None:
        return f"noise: {noise} (plane {plane}), with no pixel to tell its level"
    beside = f"the pixels of the image scatter by {scatter:.3g}"
    if level is None:
        return f"noise: {noise} (plane {plane}), as weights, scaled to the image; {beside}"
    return f"noise: {noise} (plane {plane}), with a median rms of {level:.3g}; {beside}"


def _of_psf(psfs: list, scale: float, cutouts: bool) -> str:
    """On the list of `psf_widths.Described`, in a field of this pixel scale (arcsec)."""
    if not psfs:
        return "PSF: none"
    files = len({one.file for one in psfs})
    read, (height, width) = psfs[0].read, psfs[0].shape
    what = f"{width} x {height} px"
    if read.model:
        degree = max(map(sum, read.model.powers))
        what = f"a PSFEx model of degree {degree}, evaluated at each source"
        if cutouts:
            # A place in a cutout tells none in the image that the model is of.
            what = f"a PSFEx model of degree {degree}, as it is in the middle of its image"
    if files > 1:
        each = "cutout" if cutouts else "image"
        what = f"one for each {each} ({files:,} were looked at), the first {what}"
    if read.step < 1 and not read.model:
        what += f", sampled {1 / read.step:.3g} times finer ({read.told}), integrated over pixels"
    elif read.step != 1:
        what += f", in steps of {read.step:.3g} px of the images ({read.told}), interpolated"
    low, high = min(one.fwhm[0] for one in psfs), max(one.fwhm[1] for one in psfs)
    return (
        f"PSF: {what}, of a width (FWHM) of {_range(low, high)} px of the images, "
        f"{_range(low * scale, high * scale)} arcsec"
    )


def _range(low: float, high: float) -> str:
    low, high = f"{low:.2g}", f"{high:.2g}"
    return low if low == high else f"{low} to {high}"


def _of_physical(table: dict) -> str:
    roles = ", ".join(f"{role}: {cells[0]}" for role, cells in table["roles"].items())
    about = f"{table['rows']:,} rows; columns {{{roles}}}"
    if "matched" in table:
        return f"{table['file']}: matches {table['matched']:,} of the sources; {about}"
    if "inside" in table:
        about = f"{table['inside']:,} of its positions lie in the images; {about}"
    return f"{table['file']}: {about}"


def render_check(field: str, found: dict) -> str:
    """The page: HTML that refers to no other file."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    titles = {"catalogue": "Catalogue", "physical": "Physical catalogue"}
    thumbnails = found["thumbnails"]
    own = {one.image: [one.file, _range(*one.fwhm)] for one in found["psfs"] if one.image}
    return environment.from_string(TEMPLATE).render(
        field=field,
        warnings=found["warnings"],
        lines=[*describe_check(found), *found["notes"]],
        pictures=[(name, _picture(pixels)) for name, pixels in thumbnails],
        holes=any(not np.isfinite(pixels).all() for _, pixels in thumbnails),
        about="The brightest places where the images were looked at."
        if found["ids"] is None and found["kind"] == "images"
        else "As they lie in the images, from the bright to the faint where magnitudes are given. "
        "Each should show its source in the middle.",
        entry=_of_entry(found),
        psfs=own,
        images=[_cells(row) + own.get(row[0], []) for row in found["images"]],
        catalogues=[(title, found[key]) for key, title in titles.items() if found[key]],
    )


def _of_entry(found: dict) -> list[tuple[str, str]]:
    """What the field's entry says, or what is taken where it says nothing."""
    entry = found["entry"]
    zero, scale = entry["zero_point"], entry["pixel_scale"]
    cuts = [f"{key}: {low if low is not None else '...'} to {high if high is not None else '...'}"
            for key, (low, high) in entry["select"].items()]  # fmt: skip
    return [
        ("zero_point", f"{zero:g} mag (AB) of one unit of flux" if zero is not None else
         "not given, so there are no magnitudes from the images"),
        ("pixel_scale", f"{scale:g} arcsec" if scale else
         f"not given; {found['scale']:.4g} arcsec by the WCS"),
        ("pixel_origin", f"{entry['pixel_origin']}: number of the first pixel in x and y of the "
         "catalogue"),
        ("select", "; ".join(cuts) or "all sources"),
    ]  # fmt: skip


def _cells(row: list) -> list[str]:
    path, plane, shape, usable, noise, noise_plane, level, scatter = row
    known = "as weights" if noise and scatter is not None else ""
    return [
        path, plane, f"{shape[1]} x {shape[0]}", f"{100 * usable:.0f} %", noise or "none",
        noise_plane or "", known if level is None else f"{level:.3g}",
        "" if scatter is None else f"{scatter:.3g}",
    ]  # fmt: skip


def _picture(pixels: np.ndarray) -> str:
    """Data URI of a PNG, dark on white; missing pixels are tinted."""
    known = np.isfinite(pixels)
    values = pixels[known] if known.any() else np.zeros(1)
    level = np.median(values)
    sky = 1.4826 * np.median(np.abs(values - level))
    filled = np.where(known, pixels, level).astype(float)
    grey = stretch(filled - level, float(sky), float(np.percentile(values, 99.9) - level))
    shade = np.uint8(np.rint(255 * (1 - grey)))
    colour = np.where(known[..., None], shade[..., None], np.array(MISSING, dtype=np.uint8))
    stream = io.BytesIO()
    # Row 0 of the array is the bottom of the image.
    Image.fromarray(np.ascontiguousarray(colour[::-1])).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
