"""Names of the groups.

Takes votes, measurements and the file in which people name groups; leaves names.yaml, and groups
joined or split as that file asks. Rules: `name_groups`, `regroup_voters`, `compare_names`.
"""
