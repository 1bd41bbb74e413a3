"""The weights lever: which replies can be learned from (rows), by which objective (choose, objectives), and how far the
adapter moves (training). Importing `lever` imports torch; settings and choice do not.
"""
