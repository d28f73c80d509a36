"""A rendered street: frames, exact segmentation labels, boxes and key points from nothing but a seed.

From what is where to pixels: `scene` (what stands and moves where at a time), `cars`, `walkers`, `scenery`
(things as polygons in metres), `camera` (metres to pixels), `backdrop` (sky and ground), `render` (painter's
algorithm). `street` makes clips and a data set of it.
"""
