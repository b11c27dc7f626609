"""The model folder as a whole: fitted on one field, used on others.

Takes the folder and a field, leaves its description, an archive, and how much the field differs
from the one it was fitted on. Rules: `describe_model`, `package_model`, `unpack_model`,
`check_model`, `check_shift`.
"""
