"""Evaluators: what judges a candidate. `kernels` judges CUDA kernels on a Device; `scripted` replays verdicts for
tests.
"""
