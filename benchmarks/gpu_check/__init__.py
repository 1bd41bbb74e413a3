"""What `scripts/gpu_check` runs: one file a part, each with a function `run(bench) -> Outcome`.

bench.py opens the card and the compilers; record.py writes what came out, with the machine that it came out of.
"""
