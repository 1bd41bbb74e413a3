"""Domains, as the self-improving loop sees them: one file or folder each, all of the joint Backend."""
