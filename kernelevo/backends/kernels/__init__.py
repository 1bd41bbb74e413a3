"""Kernels in CUDA as a domain of the loop: decisions are rewrites by rules and values of tuned macros.

    grammar.py      what decisions and observations are made of
    observing.py    facts and words of a judged attempt
    moves.py        the legal decisions, each with the program that it makes
    session.py      one task: judging, memoised, and all that the joint TaskSession asks
    backend.py      the tasks behind each wall, and sessions
    tools.py        what is asked of the parts that judge and propose
    memo.py         verdicts that were given before
    generated/      problems made by rule

Parts that judge and propose are not imported here: kernelevo/joining_backends.py hands them in.
"""
