"""Values that several packages share: frames, where they lie on a canvas, and what is labelled in them.

They import numpy and nothing of the program but its errors and how options are described.
"""

#: The number of an instance of which nobody says which it is.
UNKNOWN = -1
#: Pixels of a picture at the most: 8192 × 4320, "8K" in all its forms. 100 MB as RGB.
MAX_PIXELS = 8192 * 4320
