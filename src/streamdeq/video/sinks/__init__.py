"""Where results go: mp4, JSON lines, label PNGs."""
