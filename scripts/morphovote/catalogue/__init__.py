"""The catalogue: one row a source.

Takes all that the stages left and the source catalogue, leaves FITS, Parquet, VOTable and the table
of the CDS. Rule: `write_catalogue`.
"""
