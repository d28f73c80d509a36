"""The command line: one small module per command, each a thin caller of the rooms below.

Only this room prints. A command's module imports what its options are made of and nothing heavy: torch and the rooms
are imported inside the function, so that `--help` and `--version` answer at once.
"""
