"""Files that the stages leave: shards, model files, text, each whole or not at all.

Takes arrays and tables, leaves HDF5, JSON, CSV and YAML; tells which code made a file. Every rule
uses it.
"""
