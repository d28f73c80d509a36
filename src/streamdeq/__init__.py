"""Streaming deep equilibrium models: video perception that corrects instead of recomputing."""

__version__ = "0.1.0"
