"""Data sets as clips that end in labelled frames. Knows no model and no training."""
