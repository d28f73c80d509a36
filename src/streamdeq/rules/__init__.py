"""What people want to know of boxes that move: lines crossed, zones entered and stayed in, and films of it."""
