"""What every Wall keeps. Subclass `WallContract` and give it fixtures `wall` and `errand` (a request it answers
well).
"""

from __future__ import annotations

from kernelevo.interfaces import Wall, WallRequest
from kernelevo.types import Budget

BUDGET = Budget(seconds=20.0, memory_bytes=1 << 30, warp_instructions=1)


class WallContract:
    def test_an_errand_is_answered(self, wall: Wall, errand: WallRequest) -> None:
        answer = wall.call(errand, BUDGET)
        assert (answer.ended, answer.reason) == ("done", "")
        assert answer.head

    def test_each_errand_gets_an_answer_of_its_own(self, wall: Wall, errand: WallRequest) -> None:
        first, second = wall.call(errand, BUDGET), wall.call(errand, BUDGET)
        assert (first.head, first.blobs) == (second.head, second.blobs)

    def test_answers_are_plain_bytes_that_outlive_the_wall(self, wall: Wall, errand: WallRequest) -> None:
        answer = wall.call(errand, BUDGET)
        wall.close()
        assert isinstance(answer.head, bytes)
        assert all(isinstance(blob, bytes) for blob in answer.blobs)

    def test_closing_twice_is_closing(self, wall: Wall) -> None:
        wall.close()
        wall.close()
