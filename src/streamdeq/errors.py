"""The one exception a user is meant to see. Knows nothing else of the program."""


class StreamdeqError(Exception):
    """A problem the user can act on.

    The message is one line: what was expected, what came, what to do. The command line prints it and
    exits with code 2; in Python it is raised as it is. Anything else that escapes is a bug.
    """
