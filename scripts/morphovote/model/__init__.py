"""A model folder as a whole: what was fitted on one field and serves another.

Takes the folder and a field, leaves its description, an archive, and how far the field lies from
it. Rules: `describe_model`, `package_model`, `unpack_model`, `check_model`, `check_shift`.
"""
