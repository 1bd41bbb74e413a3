"""Denoising of single-cell counts, judged by molecular cross-validation."""
