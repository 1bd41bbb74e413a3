"""How a launch sits on the GPU: which resource limits the blocks of an SM, what would lift it, how full it is.

The rules are the card's own (`Card.blocks_per_sm`); this module only asks them other questions.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelevo.diagnosis.subject import Card, Subject

REGISTERS = range(16, 256)
"""What a thread may have; fewer than 16 no compiler asks for."""
BLOCK_SIZES = range(32, 1025, 32)


@dataclass(frozen=True)
class Residency:
    """`blocks` of an SM at most; `limits` how many each resource alone would allow (the hardware's own limits on warps
    and blocks always hold); `share` of the SM's warps that so many blocks fill.

    `active_warps` are resident on the busiest SM in this launch, `sms_used` of `sms` have a block at all; `waves` is
    the grid divided by what fits the GPU at once.
    """

    blocks: int
    warps_per_block: int
    share: float
    limits: dict[str, int]
    active_warps: int
    max_warps: int
    sms_used: int
    sms: int
    grid_blocks: int
    waves: float

    @property
    def limiter(self) -> str:
        return min(self.limits, key=lambda name: self.limits[name])

    @property
    def tail(self) -> float:
        """Share of the blocks' places in all waves that stay empty because the last wave is not full."""
        whole = -(-self.waves // 1)
        return 1 - self.waves / whole if whole else 0.0


@dataclass(frozen=True)
class Lift:
    """One change that lets more warps be resident: `what` to change `to`; then `blocks` fit, `share` of the warps."""

    what: str
    now: int
    to: int
    blocks: int
    share: float


def residency(subject: Subject) -> Residency | None:
    """None where the card, the size of the launch or its resources are not known, or where no block fits."""
    card, took = subject.card, subject.resources
    if card is None or took is None or not subject.threads:
        return None
    holds, threads = card.blocks_per_sm, subject.threads
    blocks = holds(threads, took.registers, took.shared_bytes)
    if not blocks:
        return None
    limits = {
        "warps and blocks": holds(threads, 1, 0),
        "registers": holds(threads, took.registers, 0),
        "shared memory": holds(threads, 1, took.shared_bytes),
    }
    grid = subject.counts.get("blocks", 0)
    busiest = min(-(-grid // card.sms), blocks)
    return Residency(
        blocks, subject.warps, blocks * subject.warps / card.warps_per_sm, limits, busiest * subject.warps,
        card.warps_per_sm, min(grid, card.sms), card.sms, grid, grid / (blocks * card.sms),
    )  # fmt: skip


def lifts(subject: Subject) -> list[Lift]:
    """What would let more blocks be resident: the nearest step of the resource that limits, and a better block size."""
    now, card, took = residency(subject), subject.card, subject.resources
    if now is None or card is None or took is None or now.share >= 1:
        return []
    found = [_fewer_registers(card, subject, now.blocks), _less_shared(card, subject, now.blocks)]
    if not took.shared_bytes:
        found.append(_other_block(card, subject, now.share))
    return [lift for lift in found if lift]


def _lift(card: Card, subject: Subject, what: str, now: int, to: int, blocks: int, threads: int = 0) -> Lift:
    warps = -(-threads // 32) if threads else subject.warps
    return Lift(what, now, to, blocks, blocks * warps / card.warps_per_sm)


def _fewer_registers(card: Card, subject: Subject, blocks: int) -> Lift | None:
    took = subject.resources
    if took is None:
        return None
    for registers in reversed(REGISTERS):
        fit = card.blocks_per_sm(subject.threads, registers, took.shared_bytes)
        if registers < took.registers and fit > blocks:
            return _lift(card, subject, "registers of a thread", took.registers, registers, fit)
    return None


def _less_shared(card: Card, subject: Subject, blocks: int) -> Lift | None:
    """The most bytes with which one more block fits, by bisection: less shared memory never fits fewer blocks."""
    took = subject.resources
    if took is None or card.blocks_per_sm(subject.threads, took.registers, 0) <= blocks:
        return None
    fits, does_not = 0, took.shared_bytes
    while does_not - fits > 1:
        middle = (fits + does_not) // 2
        if card.blocks_per_sm(subject.threads, took.registers, middle) > blocks:
            fits = middle
        else:
            does_not = middle
    fit = card.blocks_per_sm(subject.threads, took.registers, fits)
    return _lift(card, subject, "bytes of shared memory of a block", took.shared_bytes, fits, fit)


def _other_block(card: Card, subject: Subject, share: float) -> Lift | None:
    """The block size that fills most of the warps, if it fills more than now; of equals the nearest."""
    took = subject.resources
    if took is None:
        return None

    def filled(threads: int) -> float:
        return card.blocks_per_sm(threads, took.registers, 0) * (threads // 32) / card.warps_per_sm

    best = max(BLOCK_SIZES, key=lambda threads: (filled(threads), -abs(threads - subject.threads)))
    if filled(best) <= share:
        return None
    fit = card.blocks_per_sm(best, took.registers, 0)
    return _lift(card, subject, "threads of a block", subject.threads, best, fit, best)
