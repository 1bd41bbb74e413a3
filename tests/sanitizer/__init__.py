"""Kernels with one planted bug each, and their fixed twins: what a sanitizer must find, and must not."""
