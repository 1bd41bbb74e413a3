"""What exact counts say of a kernel: pure functions from the reports of launches to totals, figures and findings.

Knowledge and no part: reports show it, and whoever proposes or explains changes may read it.
"""
