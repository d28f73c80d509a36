"""A small mutation fuzzer: damaged files of five kinds, made from seeds, read by a worker that may die of them."""
