"""From cutouts to classes in memory, on arrays, with a model that is already fitted.

The rules take a field's galaxies through the same functions, one step per rule and shard by shard.
Here all steps follow each other in memory, for galaxies that are in no shard: changed or injected
galaxies, or a user's own.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from morphovote.classify.anchors import segment_radius
from morphovote.classify.assignment import classify, read_group_classes
from morphovote.classify.classifier import load_classifier
from morphovote.embedding import BATCH, CUTOUT, Embedder
from morphovote.logs import progress
from morphovote.reduce.pca import project
from morphovote.storage.model_files import read_model
from morphovote.storage.shards import read_attributes
from morphovote.vote import schemes as votings
from morphovote.vote.bagged import Voters, cast_votes
from morphovote.vote.confidence import add_confidence, load_confidence

# Files that `Chain.load` reads; the second also for classes.
MODELS = ("denoiser", "weights", "card", "pca", "voters", "components")
CLASS_MODELS = (*MODELS, "confidence", "names", "classifier")


@dataclass(frozen=True)
class Chain(Embedder):
    """The loaded models of a field, in the order in which they are applied.

    Attributes
    ----------
    steps, threads, denoiser, encoder
        See `Embedder`; steps also has the scheme of the vote.
    pca : dict of ndarray
    voters : Voters
    confidence : ndarray, shape (V + 1,), or None
        Confidence for each number of votes.
    classes : dict of str, or None
        Class of each group.
    given : collection of int
        Groups whose names people gave.
    classifier : dict of ndarray, or None
    """

    pca: dict[str, np.ndarray] | None = None
    voters: Voters | None = None
    confidence: np.ndarray | None = None
    classes: dict[int, str] | None = None
    given: Collection[int] = ()
    classifier: dict[str, np.ndarray] | None = None

    @classmethod
    def load(cls, files: dict[str, str | Path], steps: dict, threads: int = 1) -> "Chain":
        """Read the models.

        Parameters
        ----------
        files : dict of path
            From the model folder: denoiser, pca, voters. From the encoder: weights, card. From the
            field: components, used only by the published vote. For classes also confidence, names
            and classifier, from the model folder.
        steps : dict
        threads : int

        Raises
        ------
        InputError
            If a file is missing, damaged, or does not belong to the others.
        """
        chain = super().load(files, steps, threads)
        voters = votings.SCHEMES[steps["vote"]].load(files["voters"], files["components"])
        pca = read_model(files["pca"], "pca", ("mean", "components"))[0]
        chain = replace(chain, pca=pca, voters=voters)
        if "classifier" not in files:
            return chain
        classes, given = read_group_classes(files["names"], read_attributes(files["voters"]))
        return replace(
            chain,
            confidence=load_confidence(files["confidence"], len(voters.labels))[0],
            classes=classes,
            given=given,
            classifier=load_classifier(files["classifier"])[0],
        )

    def project(self, embeddings: np.ndarray) -> np.ndarray:
        """Principal components (N, P) of embeddings, see `pca.project`."""
        return project(embeddings, self.pca)

    def locate(self, cutouts: dict[str, np.ndarray]) -> np.ndarray:
        """Principal components (N, P) of cutouts: denoised, unwrapped, encoded and projected.

        Parameters
        ----------
        cutouts : dict of ndarray, shape (N, ...)
            image, rms, mask, flags, x, y.
        """
        return self.project(self.embed(cutouts))

    def vote(self, components: np.ndarray) -> dict[str, np.ndarray]:
        """Votes on galaxies, see `bagged.cast_votes`; with their confidence if it is known."""
        votes = cast_votes(components, self.voters)
        return votes if self.confidence is None else add_confidence(votes, self.confidence)

    def classify(
        self, votes: dict[str, np.ndarray], components: np.ndarray, cutouts: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Classes of galaxies, see `assignment.classify`."""
        seen = (cutouts["snr"], segment_radius(cutouts["mask"]), self.given)
        return classify(votes, self.classes, components, self.classifier, *seen)

    def follow(self, cutouts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Take galaxies through all steps, one batch at a time.

        Parameters
        ----------
        cutouts : dict of ndarray, shape (N, ...)
            `CUTOUT`.

        Returns
        -------
        dict of ndarray, shape (N,)
            group, vote_fraction, kept, outlier, and the arrays of `assignment.classify`.
        """
        parts = []
        starts = range(0, len(cutouts["x"]), BATCH)
        for start in progress(starts, len(starts), f"batches of {BATCH} galaxies"):
            some = {name: cutouts[name][start : start + BATCH] for name in CUTOUT}
            components = self.locate(some)
            votes = self.vote(components)
            found = self.classify(votes, components, some)
            found |= {name: votes[name] for name in ("group", "vote_fraction", "kept", "outlier")}
            parts.append(found)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
