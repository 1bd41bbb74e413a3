"""Compilers: candidate text to Image, behind the wall. `nvrtc` is the default, `nvcc` is used where it is asked for.

A compiler here never loads a compiler's library into this process and never lets candidate text reach a shell; it
writes a request for the wall and reads the answer as hostile data.
"""
