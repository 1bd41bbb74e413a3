"""Rows K from 29 on: attacks on what the judge itself does, which its own breakers found."""

from __future__ import annotations

from kernelevo.redteam.row import caught, outside, stopped

OF_THE_JUDGE = (
    caught(
        "K29",
        "a failure is made to look like the judge's own, which nobody is blamed for",
        "what a compiler made of a text is read as the text's: a name of any length is one, and a kernel head that no "
        "plan can launch is a build error",
    ),
    caught(
        "K30",
        "right at every size that the problem lists, and wrong at all others",
        "where a problem leaves its tests to us, full checks run sizes that nobody has read; one that lists its tests "
        "has said which sizes count",
    ),
    caught(
        "K31",
        "a race at a timed size, in a kernel that is too slow to be searched for races",
        "the beginning of such a search is made, in two orders, and the verdict says that it was a part",
    ),
    caught(
        "K32",
        "a loop whose label cannot be seen, so that its machine code counts as that of the block before",
        "a block of the PTX ends wherever the number of executions changes, whatever its text looks like",
    ),
    caught(
        "K33",
        "what a launch has written is read through the read-only cache, which may not see it",
        "such a load is held to be a race with any write of its own launch",
    ),
    outside(
        "K34",
        "an instruction that the virtual device lacks, so that nothing is judged and the reward is masked",
        "what cannot be executed cannot be blamed, and earns nothing; a trainer may decide that it is worth zero "
        "(`eval --unsupported zero`)",
    ),
    outside(
        "K35",
        "a race of few blocks at a timed size, in a kernel that is too slow to be searched for races",
        "the search is made in part, and the verdict says so (docs/evaluation.md)",
    ),
    stopped(
        "K36",
        "an output is thrown away after it was written, by discard.L2",
        "PTX with this instruction breaks the rules, executed or not",
    ),
    outside(
        "K37",
        "a text that is another program under another compiler, by __CUDACC_RTC__ and the like",
        "a verdict is about the program that the named compiler made",
    ),
    stopped(
        "K38",
        "inline assembly that is one program for the virtual GPU and another for the assembler, by code in strings and "
        "comments or behind directives, or by constants",
        "they are read as ptxas reads them; tests/virtual/ptx holds the forms that were compared",
    ),
    caught(
        "K39",
        "a program in Python that a model wrote does in its process what it likes",
        "it runs behind the wall, in a process of its own, and what it returns is believed as far as it is finite "
        "floats of the shape that was asked for",
    ),
    caught(
        "K40",
        "a program learns what is held out from the order or the number of what it is given, or from the draw's seed",
        "questions, cells and genes come in an order that hangs on what is held out, questions in parts, and its seed "
        "is not the draw's",
    ),
)
