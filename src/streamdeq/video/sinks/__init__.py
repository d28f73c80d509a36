"""Where results go: mp4, JSON lines, label PNGs. Knows no model and no task."""
