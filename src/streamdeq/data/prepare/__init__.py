"""Data sets from their public sources, in the folders that the readers know: `streamdeq data prepare`."""
