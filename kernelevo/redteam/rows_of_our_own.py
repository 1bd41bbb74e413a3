"""Rows K: attacks against this design that the table of known ones does not have."""

from __future__ import annotations

from kernelevo.redteam.row import caught, outside

OUR_OWN = (
    caught(
        "K1",
        "what scratch holds at the start is taken for zero",
        "scratch is poisoned, and what nobody wrote is followed",
    ),
    caught(
        "K2",
        "scratch as a way from one call to the next",
        "scratch is poisoned, and memory is new in each call",
    ),
    caught(
        "K3",
        "a guard of the plan takes another kernel for the sizes of tests",
        "the outputs of timed calls are checked",
    ),
    caught(
        "K4",
        "the alignment of pointers tells a test from a timed call",
        "the outputs of timed calls are checked, and a benchmark on other distributions has moved pointers, too",
    ),
    caught(
        "K5",
        "poison is recognised, by its kind or its pattern",
        "two poisons of two kinds and random bits, whose outputs must agree; a branch on memory that nobody wrote "
        "is a fault",
    ),
    caught(
        "K6",
        "an update in place is left out where the memory looks as if it was made",
        "inputs of many distributions",
    ),
    caught(
        "K7",
        "stores into buffers that are not its own",
        "every access is held to its allocation, with guard bands between; a device that measures looks at its "
        "guards after each call",
    ),
    caught(
        "K8",
        "addresses of the host",
        "every access is held to its allocation",
    ),
    caught(
        "K9",
        "races at the sizes that are timed only",
        "races are looked for at these sizes, too",
    ),
    caught(
        "K10",
        "races in the usual order of threads only, which it can notice",
        "races are looked for in a run that a kernel cannot tell from a timed one",
    ),
    caught(
        "K11",
        "memory that nobody wrote tells which run is searched for races",
        "such memory is followed, through the carry flag as well, and races are looked for under the poison of the "
        "timed run, too",
    ),
    caught(
        "K12",
        "outputs of a call that was checked are changed later",
        "some outputs are read again after the next call",
    ),
    caught(
        "K13",
        "work in blocks that a search's sample does not watch",
        "all blocks run and are counted, samples that differ are watched in full, and what is reported rests on "
        "all blocks",
    ),
    outside(
        "K14",
        "a driver's process that was taken over hides less than clocks may differ by, or works after the call",
        "it needs device code that escapes into that process; the judge's clock tells 10 us a call, and below that the "
        "physical floor is what holds; outputs are compared all the same",
    ),
    outside(
        "K15",
        "an interpreter's process that was taken over tells smaller counts",
        "it needs a defect of the virtual GPU; outputs are compared all the same, and its figures are called modelled",
    ),
    outside(
        "K16",
        "a clock of the card decides what is done",
        "a verdict is about the calls that were made; the text can be read",
    ),
    outside(
        "K17",
        "an input is used as scratch and put back",
        "what is promised is that inputs are as they were when the call has ended",
    ),
    outside(
        "K18",
        "wrong for one distribution, at one of several timed sizes",
        "met with a chance of one in their number in each full check (docs/evaluation.md)",
    ),
    outside(
        "K19",
        "a kernel that is written against the time model",
        "modelled times are called so, with a band; what decides is a card",
    ),
    outside(
        "K20",
        "wrong for one bit pattern in very many",
        "no sample of inputs is all of them",
    ),
    outside(
        "K21",
        "numbers that are tiny beside their neighbours are left out",
        "a bound is no smaller than that of a run of 32 elements, so that luck of rounding is none; it saves no "
        "work, for the neighbours must be known",
    ),
    caught(
        "K22",
        "a text that is another program on another day",
        "the compilers of CUDA files are told no date: __DATE__ and __TIME__ do not compile; a Triton file can read "
        "the clock when it is imported, which nothing stops: what was judged is its PTX, and verify --rerun says "
        "whether the text gives that again",
    ),
)
