"""The corpus: CUDA kernels as people write them (*.cu), each with a reference of its own and its row in docs/corpus.md.

k01 to k18 are one kernel family a file; s01 and up are styles that those lack. Every kernel is compiled by NVRTC, run
on the virtual GPU in every Watch mode and compared with a reference that shares no code with it.
"""
