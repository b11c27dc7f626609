"""Compare two people's files of names: compare_names.py first.yaml second.yaml comparison.csv"""

import sys

from morphovote.errors import InputError
from morphovote.groups.comparison import compare_files
from morphovote.storage.numbers import save_numbers

if len(sys.argv) != 4:
    sys.exit(__doc__)
try:
    table, words = compare_files(sys.argv[1], sys.argv[2])
except InputError as error:
    sys.exit(f"ERROR: {error}")
save_numbers(table, sys.argv[3])
print(f"{words}\nEvery group: {sys.argv[3]}")
