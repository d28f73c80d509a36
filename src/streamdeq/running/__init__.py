"""One run of a model over a source, with everything written that was asked for."""
