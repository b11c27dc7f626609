"""The configuration, checked and completed before the first job starts.

Takes config.yaml and its schema, leaves one dictionary with every default and every path written
out. `workflow/rules/common.smk` uses it; no rule does.
"""
