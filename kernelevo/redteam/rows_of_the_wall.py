"""More rows K: what a candidate's code may try where it gets to run, in a compiler or in Triton's import."""

from __future__ import annotations

from kernelevo.redteam.row import caught

OF_THE_WALL = (
    caught(
        "K23",
        "a file of the user's is read, by an include or by code at work in a build",
        "the wall shows what is granted and nothing else",
    ),
    caught(
        "K24",
        "answers or secrets go over the network",
        "the wall has no network",
    ),
    caught(
        "K25",
        "more rights are gained from the system's kernel",
        "the wall gives up every privilege, and refuses the calls that gain any",
    ),
    caught(
        "K26",
        "a Triton file does at its import what it likes",
        "it is imported behind the wall, in a process of its own; what it makes of its build is judged like any kernel",
    ),
    caught(
        "K27",
        "the plan itself is the trick",
        "a plan is read and bounded by the judge, and its launches are judged on all sizes",
    ),
    caught(
        "K28",
        "a stranger's problem file runs when somebody judges a kernel beside it",
        "a problem file is a trusted program, so the first time it runs only if the user says so, and known is its "
        "content and not its name",
    ),
)
