"""Time and memory of the vote on a mixture of Gaussians, compared with scikit-learn's Ward.

    python benchmarks/vote.py                      # 30 voters on 20,000 x 320, 100,000 labelled
    python benchmarks/vote.py --reference 5000 --galaxies 20000 --no-ward

Each part runs in a process of its own, so that its peak memory can be told apart. The memory is
that of the process, plus that of its largest worker times the number of workers.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from common import new_parser
from timing import time_apart

from morphovote.storage import shards
from morphovote.storage.model_files import write_model
from morphovote.vote import bagged
from morphovote.vote.alignment import rand_index

CLUSTERS = 30


def draw_mixture(number: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (number, width) of 30 Gaussians of different widths, and the Gaussian of each.

    Variance falls along the axes like that of principal components.
    """
    rng = np.random.default_rng(seed)
    axes = np.arange(1, width + 1) ** -0.6
    centres = 0.7 * rng.normal(size=(CLUSTERS, width)) * axes
    widths = rng.gamma(4, 0.25, size=(CLUSTERS, 1))
    member = rng.choice(CLUSTERS, number, p=rng.dirichlet(np.full(CLUSTERS, 3.0)))
    noise = rng.standard_normal((number, width), dtype=np.float32)
    points = centres[member] + noise * (axes * widths[member])
    return points.astype(np.float32), member


def fit(path: Path, model: Path, options: argparse.Namespace) -> None:
    """Fit the voters, as the rule fit_voters does."""
    bagged.fit_voters_file(
        path, model, options.groups, 0.667, 0, options.voters, threads=options.threads
    )


def cast(path: Path, model: Path, options: argparse.Namespace) -> None:
    """Vote on all galaxies, as the rule cast_votes does."""
    table = model.with_name("confidence.h5")
    # Any table will do: only its length matters here.
    write_model(table, "confidence", {"confidence": np.zeros(options.voters + 1)}, {})
    bagged.cast_votes_file(path, model, table, path.with_name("votes.h5"))


def exact_ward(path: Path, model: Path, options: argparse.Namespace) -> None:
    """Cluster as many galaxies as the reference has with scikit-learn's Ward."""
    from sklearn.cluster import AgglomerativeClustering

    points = shards.read_shard(path, ["component"], slice(options.reference))["component"]
    AgglomerativeClustering(options.groups, linkage="ward").fit_predict(points)


def main() -> None:
    """Draw, fit, cast, compare."""
    parser = new_parser(__doc__)
    parser.add_argument("--galaxies", type=int, default=100_000)
    parser.add_argument("--reference", type=int, default=bagged.SAMPLE_LIMIT)
    parser.add_argument("--components", type=int, default=320)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--voters", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-ward", action="store_true", help="leave out exact Ward")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, model = Path(folder) / "components.h5", Path(folder) / "voters.h5"
        sample = Path(folder) / "sample.h5"
        points, member = draw_mixture(options.galaxies, options.components, seed=0)
        rows = np.arange(options.galaxies)
        ids = rows.astype(str)
        shards.write_shard(path, {"row": rows, "id": ids, "component": points})
        # The first galaxies are the reference: the mixture is in random order.
        part = slice(options.reference)
        shards.write_shard(sample, {"row": rows[part], "id": ids[part], "component": points[part]})
        del points
        print(
            f"{options.voters} voters, {options.groups} groups, reference of "
            f"{options.reference:,} x {options.components}, {options.threads} processes"
        )
        print(f"{'':32}{'seconds':>9}{'CPU s':>9}{'peak GB':>9}")
        parts = [
            ("fit the voters", fit, sample),
            (f"vote on {options.galaxies:,} galaxies", cast, path),
        ]
        if not options.no_ward:
            parts.append(("exact Ward on the reference", exact_ward, sample))
        for name, function, source in parts:
            workers = options.threads if function is fit and options.threads > 1 else 0
            _, cost = time_apart(function, source, model, options, workers=workers)
            numbers = f"{cost.seconds:9.1f}{cost.processor:9.1f}{cost.memory / 1024:9.2f}"
            print(f"{name:32}{numbers}", flush=True)
        votes = shards.read_shard(path.with_name("votes.h5"), ["group", "kept"])
        group, kept = votes["group"], votes["kept"]
        print(
            f"kept {100 * kept.mean():.1f} %; agreement with the mixture (ARI): all "
            f"{rand_index(member, group):.3f}, kept {rand_index(member[kept], group[kept]):.3f}"
        )


if __name__ == "__main__":
    main()
