"""What passes through the wall, byte by byte: frames in shared memory, heads in them, and the errand "run" in a head.

These are nouns that both the wall and what stands on either side of it use; the other end is in sandbox/wall.
"""
