"""Training augmentation: of colours, of pictures with their labels, of poses, and the frame before a still picture.

Everything random comes from one `numpy.random.Generator`, which the trainer seeds by (seed, step, sample): that is what
makes a resumed run equal to an uninterrupted one.
"""
