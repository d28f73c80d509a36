"""Benchmarks: what every part of a frame costs here, beside what others take for the same."""
