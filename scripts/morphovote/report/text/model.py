"""Sentences on the encoder and the model: their training, and whether the model suits here."""

from collections.abc import Sequence

from morphovote.report.text.words import percent


def describe_encoder(card: dict) -> list[str]:
    """Which encoder was used, and whether it was trained.

    Parameters
    ----------
    card : dict
        encoder.json.
    """
    name = card.get("name", "unknown")
    if is_random(card):
        return [
            f"The encoder, {name}, has random weights: it was never trained. Treat this run as a "
            "trial of the workflow, not as a classification to publish."
        ]
    licence = card.get("licence")
    source = card.get("source", "an unnamed source")
    return [
        f"The encoder is {name} with weights from {source}"
        + (f" (licence: {licence})." if licence else ".")
    ]


def is_random(card: dict) -> bool:
    """Whether the encoder's card says that its weights are random."""
    said = (str(card.get(key, "")).lower() for key in ("weights", "source"))
    return any(text.startswith("random") for text in said)


def describe_model(model: dict | None, shift: dict | None) -> list[str]:
    """What the model was fitted on.

    Parameters
    ----------
    model : dict or None
        Its description, model.json.
    shift : dict or None
        shift.json of a field with a frozen model.
    """
    if not model:
        return []
    about = (
        f"{model['galaxies']:,} galaxies of field {model['field']}, at "
        f"{model['pixel_scale']:.4g} arcsec a pixel"
    )
    if shift is None:
        return [f"Denoiser, components, voters and classifier were fitted on {about}."]
    text = f"The model is frozen: it was fitted on {about}, and nothing was fitted here."
    for conversion in shift["conversions"]:
        text += f" Converted: {conversion['text']}."
    return [text, shift["sentence"]]


def describe_shift(shift: dict | None) -> list[str]:
    """How far the field lies from its frozen model; empty for a field with its own model.

    Parameters
    ----------
    shift : dict or None
        shift.json.
    """
    if not shift:
        return []
    envelope, test = shift["envelope"], shift["test"]
    texts = [shift["sentence"]]
    if envelope["galaxies"]:
        texts.append(
            f"{envelope['outside']:,} of {envelope['galaxies']:,} galaxies "
            f"({percent(envelope['fraction'])}, 95 % interval {percent(envelope['low'])} to "
            f"{percent(envelope['high'])}) lie farther from the reference than 99 % of its own "
            "galaxies do."
        )
    if test:
        p = f"p = {test['p']:.3f}" if test["p"] > 1.5 / (test["permutations"] + 1) else (
            f"p = {test['p']:.3f}, the smallest that {test['permutations']} permutations can give"
        )  # fmt: skip
        texts.append(
            f"In samples of {test['size']:,} galaxies each, {percent(test['own_share'])} of a "
            "galaxy's nearest neighbours are from its own field (50 % where the fields are alike). "
            f"The test for equal distributions (energy distance) gives {p}. In large samples it "
            "detects even the smallest difference; the shares say how large it is."
        )
    texts.append(_images(shift["images"]))
    return texts


def _images(images: dict) -> str:
    """PSF, depth, magnitude, scale and band of the field and of the reference."""
    rows: Sequence[tuple[str, str, str | None]] = (
        ("pixel scale {} arcsec", "images_pixel_scale", None),
        ("PSF of {} arcsec (FWHM)", "psf_fwhm", None),
        ("5-sigma point-source limit {} mag", "point_limit", None),
        ("sky noise {} mag per square arcsec", "sky_limit", None),
        ("median magnitude {}", "magnitude", "0.5"),
        ("median S/N {}", "snr", "0.5"),
        ("band {}", "band", None),
    )
    parts = []
    for text, name, key in rows:
        pair = [images[name][side] for side in ("field", "reference")]
        found = [value[key] if key and value is not None else value for value in pair]
        shown = ["unknown" if v is None else v if isinstance(v, str) else f"{v:.4g}" for v in found]
        parts.append(f"{text.format(shown[0])} (reference: {shown[1]})")
    return f"The images: {'; '.join(parts)}."
