"""The commands, one a file: each turns words of the command line into a call of `run`, and its outcome into text and
an exit code.
"""
