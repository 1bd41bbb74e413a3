"""Rows K: attacks against this design that the table of known ones does not have."""

from __future__ import annotations

from kernelevo.redteam.row import caught

OUR_OWN = (
    caught(
        "K1",
        "what scratch holds at the start is taken for zero",
        "scratch is poisoned, twice",
    ),
)
