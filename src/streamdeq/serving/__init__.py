"""Everything that is served while frames are processed: the page of one run, and the server of many cameras."""
