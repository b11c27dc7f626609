"""The catalogue: one row per source.

Takes the results of all stages and the source catalogue, leaves FITS, Parquet, VOTable and the CDS
table. Rule: `write_catalogue`.
"""
