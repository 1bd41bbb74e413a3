"""Studies of the loop: several ways of spending the same budget, on the same tasks and seeds, with intervals."""
