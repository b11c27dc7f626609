"""The one exception whose message is written for the user."""


class InputError(ValueError):
    """Something in the user's files or config is wrong.

    The message names the file and the field or column, says what was found, what was expected
    and what to do, in at most three lines. Scripts print it without a traceback.
    """
