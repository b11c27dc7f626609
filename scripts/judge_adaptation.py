"""Compare an encoder before and after it has learnt from a field."""

from morphovote.classify.labels import read_labels
from morphovote.encode.weights import load_encoder
from morphovote.logs import log, rule_log
from morphovote.pretrain import adaptation
from morphovote.storage.files import write_curve
from morphovote.storage.shards import concatenate

with rule_log(snakemake.log[0]):
    given = snakemake.input
    views = concatenate(given.views, adaptation.VIEWED)
    _, held = adaptation.split_views(views)
    labels = None
    if given.labels:
        labels = adaptation.labelled_images(views, read_labels(given.labels, views["id"]))
    how = dict(snakemake.params.vote) | {"threads": snakemake.threads}
    scores = [
        adaptation.judge_encoder(*load_encoder(weights, card), held, labels, **how)
        for weights, card in ((given.before, given.before_card), (given.after, given.after_card))
    ]
    rows, sentence = adaptation.compare_encoders(*scores)
    log.warning(sentence)
    write_curve(snakemake.output[0], rows)
