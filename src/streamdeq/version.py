"""The version of the program, which `pyproject.toml` repeats."""

__version__ = "0.1.0"
