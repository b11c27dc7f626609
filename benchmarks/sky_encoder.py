"""What an encoder makes of real galaxies, without a label, for docs/encoders.md.

    python benchmarks/sky_encoder.py results/pretrain/sky/*.h5 [--encoders bundled FILE ...]

The files are those of `make pretrain` with `real_sky` (rule prepare_sky). Two tests:

Found: galaxies are seen again from further away at one S/N; the share of which the most alike among
all as they are is the galaxy itself.

Told from simulated: real and simulated galaxies of the same sizes, S/N, PSF and noise; the area
under the ROC curve (AUC, five folds) of a logistic regression that is to tell them apart, for all
and for each simulated kind. 0.5 is as one wishes; what is near 1 the simulator draws badly, or the
encoder sees something that is not the galaxy.
"""

from pathlib import Path

import numpy as np
import torch
from common import WORK, new_parser
from encoders import load
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import print_table

from morphovote.encode import encoding
from morphovote.encode import weights as encoder_weights
from morphovote.pretrain import sky
from morphovote.pretrain.adaptation import retrieval
from morphovote.pretrain.views import observe_polar
from morphovote.simulate.layered.galaxies import draw_galaxies
from morphovote.simulate.layered.images import draw_galaxy_light
from morphovote.simulate.layered.kinds import ARTEFACT, KINDS, STAR, Draw
from morphovote.storage import shards

DEPTHS = (20, 50, 100, 300)
SEED = 5_000_000
# Fewest simulated galaxies of a kind to be told from real ones.
FEWEST = 20


def sample_sky(path: Path, count: int) -> dict[str, np.ndarray]:
    """Galaxies of a prepared survey, drawn at random."""
    galaxies = shards.read_shard(path)
    rows = np.flatnonzero(np.isfinite(galaxies["radius"]))
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:count])
    return {name: galaxies[name][rows] for name in sky.NEEDED}


def look(galaxies: dict[str, np.ndarray], snr: float | None) -> tuple:
    """Polar images (N, 64, 96) of real galaxies further away; where no S/N is given, of as many
    simulated ones as well, and their kinds (N,).
    """
    real, simulated, kinds = [], [], []
    for start in range(0, len(galaxies["radius"]), sky.BATCH):
        some = {name: value[start : start + sky.BATCH] for name, value in galaxies.items()}
        count, seed = len(some["radius"]), SEED + start * sky.SEED_STRIDE
        view = sky.draw_distance(Draw(seed, count), torch.from_numpy(some["radius"]))
        if snr is not None:
            view["snr"] = torch.full((count,), float(snr))
        light = sky.galaxy_light(some["denoised"], some["mask"])
        real.append(observe_polar(sky.move_away(light, some, view), view, seed)["image"])
        if snr is None:
            drawn = draw_galaxies(seed + 1, count)
            other = observe_polar(draw_galaxy_light(drawn, view), view, seed + 2)
            simulated.append(other["image"])
            kinds.append(drawn["kind"].numpy())
    return np.concatenate(real), *(np.concatenate(v) if v else None for v in (simulated, kinds))


def tell_apart(real: np.ndarray, simulated: np.ndarray) -> float:
    """Area under the ROC curve of a classifier on features (N, D) and (M, D), five folds."""
    features = np.concatenate([real, simulated])
    which = np.repeat([0, 1], [len(real), len(simulated)])
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    score = cross_val_predict(model, features, which, cv=folds, method="decision_function")
    return float(roc_auc_score(which, score))


def main() -> None:
    """Run both tests and print their tables."""
    parser = new_parser(__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["bundled"])
    parser.add_argument("--galaxies", type=int, default=1000)
    parser.add_argument("--work", type=Path, default=WORK / "encoders")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found, told, names = [], [], [str(kind) for kind in KINDS]
    for path in options.files:
        galaxies = sample_sky(path, options.galaxies)
        with torch.inference_mode():
            by_depth = {snr: look(galaxies, snr)[0] for snr in DEPTHS}
            real, simulated, kinds = look(galaxies, None)
        for encoder in options.encoders:
            model, card = encoder_weights.load_encoder(*load(encoder, options.work))

            def features(images, model=model, card=card):
                polar = {"image": images / np.float32(255)}
                polar["angle"] = np.zeros(len(images), np.float32)
                return encoding.encode(polar, model, card, "auto", 2, options.threads)

            near = features(np.rint(galaxies["image"] * 255).astype(np.uint8))
            shares = [retrieval(near, features(images)) for images in by_depth.values()]
            found.append([path.stem, Path(encoder).stem, len(near), *shares])
            one, other = features(real), features(simulated)
            shapes = ~np.isin(kinds, (STAR, ARTEFACT))
            line = [path.stem, Path(encoder).stem, tell_apart(one, other[shapes])]
            for kind in range(len(KINDS)):
                enough = (kinds == kind).sum() >= FEWEST
                line.append(tell_apart(one, other[kinds == kind]) if enough else np.nan)
            told.append(line)
    print_table(["survey", "encoder", "galaxies", *(f"found at S/N {s}" for s in DEPTHS)], found)
    print_table(["survey", "encoder", "galaxies but stars", *names], told)


if __name__ == "__main__":
    main()
