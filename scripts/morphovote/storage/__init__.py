"""Files that the stages write: shards, model files, text; never half-written.

Takes arrays and tables, leaves HDF5, JSON, CSV and YAML; computes the digest of the code that makes
a file. Every rule uses it.
"""
