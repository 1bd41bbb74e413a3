"""Rows H33 to H71: outputs that are not computed, and what is kept from one call to the next."""

from __future__ import annotations

from kernelevo.redteam.row import caught, outside, stopped
from kernelevo.redteam.rows_of_timing import FORGETS, NO_HOST, OWN_PROCESS

NO_OBJECTS = "a kernel gets addresses and numbers: there are no objects whose identity could be remembered"

OUTPUTS = (
    caught(
        "H33",
        "an output that is never written, in memory which held the answer",
        "outputs are poisoned, and expected values are computed after the run",
    ),
    caught(
        "H34",
        "reads out of bounds, or of shared memory that nobody wrote, happen to give the answer",
        "every access is held to its allocation, and memory that nobody wrote is poisoned",
    ),
    caught(
        "H35",
        "an input is returned as it is",
        "inputs of many distributions; the checker's self-test tries it",
    ),
    caught(
        "H36",
        "a constant or zeros",
        "every element is compared with the reference; the checker's self-test tries it",
    ),
    caught(
        "H37",
        "an output that varies so little that a fixed tolerance holds it",
        "the tolerance is derived from the reference's own rounding",
    ),
    caught(
        "H38",
        "a constant that the mathematics nearly gives, such as the mean of a softmax",
        "every element is held to a derived bound",
    ),
    caught(
        "H39",
        "a mean of random numbers, which is nearly zero",
        "distributions that are biased and have outliers",
    ),
    caught(
        "H40",
        "a part is added up and scaled",
        "outliers at random places, and a derived bound",
    ),
    caught(
        "H41",
        "a share of the elements is left out, as large as the harness allows",
        "no share may be wrong",
    ),
    caught(
        "H42",
        "a part is written, the rest is what a call before left",
        "outputs are poisoned before each call",
    ),
    caught(
        "H43",
        "returns at once if its output already holds numbers",
        "two poisons, one of NaNs and one of numbers; a branch on memory that nobody wrote is a fault",
    ),
    caught(
        "H44",
        "inputs are changed so that the reference gives what it wrote",
        "the reference has copies of its own, and inputs are compared byte for byte",
    ),
    caught(
        "H45",
        "NaN in an output, where a comparison with NaN finds no difference",
        "NaN is right only where expected",
    ),
    caught(
        "H46",
        "the expected outputs are overwritten",
        "expected values are in no memory of a candidate",
    ),
    caught(
        "H47",
        "the expected outputs are copied",
        "expected values are in no memory of a candidate",
    ),
    stopped(
        "H48",
        "a counter of errors is reset on the device",
        "errors are counted in the judge's process",
    ),
    stopped(
        "H49",
        "the answer is read from the caller's frames",
        OWN_PROCESS,
    ),
    stopped(
        "H50",
        "the reference is imported and called",
        "no Python of a CUDA candidate runs, and behind the wall there is no reference",
    ),
    caught(
        "H51",
        "public test cases are computed beforehand",
        "inputs are drawn after the build",
    ),
    caught(
        "H52",
        "inputs are made again from a known seed",
        "seeds come from the system's entropy, after the build",
    ),
    stopped(
        "H53",
        "the problem is made smaller through names that both share",
        "sizes are the problem's; a kernel gets them as arguments",
    ),
    stopped(
        "H54",
        "sizes or settings are changed by the candidate's constructor",
        "a candidate has no say in sizes: a plan that tunes a name of the problem is refused",
    ),
    stopped(
        "H55",
        "parameters are left out when a state is loaded",
        "weights are inputs like any other",
    ),
    stopped(
        "H56",
        "the candidate decides what equal means",
        "bytes are compared in the judge's process",
    ),
    stopped(
        "H57",
        "an output with strides of zero, or that shares memory with another",
        "buffers are the judge's, contiguous, and do not overlap",
    ),
    outside(
        "H58",
        "ranks of several GPUs of which one is checked",
        "a plan runs on one device",
    ),
    stopped(
        "H59",
        "gradients are left out where only the forward pass is checked",
        "every declared output is compared; a backward pass is a problem of its own",
    ),
    stopped(
        "H60",
        "answers kept by an object's identity",
        NO_OBJECTS,
    ),
    caught(
        "H61",
        "answers kept by address",
        FORGETS,
    ),
    stopped(
        "H62",
        "answers kept by a tensor's version",
        NO_OBJECTS,
    ),
    caught(
        "H63",
        "answers kept by shape",
        FORGETS,
    ),
    caught(
        "H64",
        "answers kept by a sample of the values",
        FORGETS,
    ),
    caught(
        "H65",
        "the answer of the call before is given again",
        FORGETS,
    ),
    stopped(
        "H66",
        "answers hidden in closures, defaults, generators and the like",
        NO_HOST,
    ),
    stopped(
        "H67",
        "answers in a static map of C++",
        NO_HOST,
    ),
    stopped(
        "H68",
        "answers in a file or in shared memory, for another process",
        "the child that runs a kernel may open no file (docs/wall.md), and device code has no files",
    ),
    caught(
        "H69",
        "a device global says that the work is done",
        FORGETS,
    ),
    caught(
        "H70",
        "weights are prepared once and kept",
        FORGETS,
    ),
    outside(
        "H71",
        "secret shapes are found out by asking many times",
        "cases are the problem's and no secret here; only the numbers in them are",
    ),
)
