"""Rows H1 to H32: work hidden from the clock, baselines made slower, and the state that calls leave behind."""

from __future__ import annotations

from kernelevo.redteam.row import caught, stopped

NO_HOST = "a plan is declarative and the compiler takes device code only: there is no host code that could do it"
OWN_PROCESS = "clocks, statistics and verdict are in the judge's process, which runs nothing of a candidate"
FORGETS = (
    "memory and device globals are new in each call; where a device keeps them, each call has numbers of its own, at "
    "addresses that change, and is checked"
)

TIMING = (
    stopped(
        "H1",
        "work on a second stream that the timed one does not wait for",
        NO_HOST,
    ),
    stopped(
        "H2",
        "the same stream, made in C++ where filters of Python do not look",
        NO_HOST,
    ),
    caught(
        "H3",
        "the streams join only after the clock has stopped",
        "outputs are fingerprinted when the call has ended; a call that ended too early is below the physical floor",
    ),
    stopped(
        "H4",
        "a thread of Python does the work after the call has returned",
        NO_HOST,
    ),
    stopped(
        "H5",
        "a thread started at import or in C++, which no count of threads sees",
        NO_HOST,
    ),
    stopped(
        "H6",
        "a lazy tensor that computes when it is first looked at",
        "kernels write into buffers of ours, and bytes are compared: nothing is returned",
    ),
    stopped(
        "H7",
        "methods of a returned tensor that do the work",
        "kernels write into buffers of ours: nothing is returned",
    ),
    stopped(
        "H8",
        "a generator, proxy or nested container is returned",
        "kernels write into buffers of ours: nothing is returned",
    ),
    stopped(
        "H9",
        "events and synchronisation of the timer are replaced",
        OWN_PROCESS,
    ),
    stopped(
        "H10",
        "clocks and statistics of Python are replaced",
        OWN_PROCESS,
    ),
    stopped(
        "H11",
        "the same by ways that filters of text do not know",
        OWN_PROCESS,
    ),
    stopped(
        "H12",
        "the code object of a function of the harness is exchanged",
        OWN_PROCESS,
    ),
    caught(
        "H13",
        "the driver's timing functions are hooked in native code",
        "the clock of a driver's process must agree with the judge's own, for each case",
    ),
    caught(
        "H14",
        "the end event is made the start event",
        "the clock of a driver's process must agree with the judge's own, for each case",
    ),
    caught(
        "H15",
        "events without timing, or recorded again",
        "the clock of a driver's process must agree with the judge's own, for each case",
    ),
    caught(
        "H16",
        "one time of nearly zero pulls a geometric mean down",
        "a time below what the card's ceilings allow is impossible, for each case",
    ),
    stopped(
        "H17",
        "many timed calls merged into one launch, the rest looked up",
        "one pair of events for each call, whose inputs are written when the call before was read; here each call "
        "has memory of its own",
    ),
    caught(
        "H18",
        "the order of the calls is learnt in a first pass and replayed in a second",
        FORGETS,
    ),
    caught(
        "H19",
        "work on the host before the profiler's window opens",
        "a time below what the card's ceilings allow is impossible",
    ),
    stopped(
        "H20",
        "work moved to import, construction, warm-up or tuning",
        "each call starts from its inputs alone: a plan has no setup step, and scratch is undefined at its start",
    ),
    caught(
        "H21",
        "work put off to the next call or to teardown",
        "outputs are fingerprinted when the call has ended; a call that ended too early is below the physical floor",
    ),
    stopped(
        "H22",
        "a recorded graph replays the first call's inputs",
        "there are no graphs, and each call's inputs are other numbers",
    ),
    stopped(
        "H23",
        "a slow warm-up makes the harness take few samples",
        "calls are judged one by one, and how many there are does not rest on a warm-up",
    ),
    caught(
        "H24",
        "right while it is tested, quick while it counts, told apart by counting calls",
        FORGETS,
    ),
    stopped(
        "H25",
        "lines kept in L2 by a persisting access policy",
        "policies are set by host code, which there is none of; the modelled L2 starts empty in each call",
    ),
    stopped(
        "H26",
        "cache hints keep lines in L2 across a flush",
        "the modelled caches start empty in each call, and hints change nothing in them; a device that measures "
        "rotates its buffers past the L2",
    ),
    stopped(
        "H27",
        "the buffer that flushes the cache is freed or aliased",
        NO_HOST,
    ),
    stopped(
        "H28",
        "the baseline is made slower by what the candidate left behind",
        "start and candidates are judged in children of their own, each with a new device",
    ),
    stopped(
        "H29",
        "a baseline of higher precision than the candidate's",
        "one reference in float64 judges both, by the problem's one compute dtype",
    ),
    stopped(
        "H30",
        "clocks of the card are raised or held",
        NO_HOST + "; the virtual device has no clocks to change",
    ),
    stopped(
        "H31",
        "the card is left busy for the next candidate",
        "a child dies with its errand, and the next has a new device",
    ),
    caught(
        "H32",
        "it does not end, and the harness books a default",
        "a run that a limit stops is a timeout and has no score",
    ),
)
