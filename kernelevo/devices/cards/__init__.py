"""Who tells the state of a card while it is measured: `nvml.py` of a real one, `none.py` where there is nothing to be
told, `scripted.py` in tests.
"""
