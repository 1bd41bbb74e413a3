"""What runs behind the wall in Python. The judge imports nothing from here, and nothing here imports the judge: these
files are handed to a jailed interpreter, in whose process a candidate may change anything, them included.
"""
