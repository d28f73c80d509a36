"""How large the pictures are that are decoded."""

#: Pixels of a picture at the most: 8192 × 4320, "8K" in all its forms. 100 MB as RGB.
MAX_PIXELS = 8192 * 4320
