"""The configuration, checked and completed before the first job starts.

Takes config.yaml and its schema, leaves one dictionary in which every default and every path is
written out. `workflow/rules/common.smk` uses it; no rule does.
"""
