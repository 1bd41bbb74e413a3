"""Which attempts of a task are expanded next: PUCT over everything that was made of its start.

    score(s) = Q(s) + c (R_max - R_min) P(s) sqrt(1 + T / G) / (1 + n(s) / G)

Q is the highest reward among what was made of s, or its own where nothing that was has passed; P falls linearly with
the rank of the own reward; n counts replies about s and about what was made of it, T all replies, G how many one
question asks for. (Yuksekgonul et al., "Learning to Discover at Test Time", arXiv:2601.16175, section on reuse.)

A tree is a pure function of the replies that it is told, in their order; a resumed run rebuilds it from its record.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MOST_NODES = 1000
MOST_CHILDREN = 8
"""Of one parent, the best: more than the two of the paper, since a move here is small and may only enable the next."""


@dataclass
class Node:
    """An attempt that passed. `visits` counts replies about it and all that was made of it."""

    name: str
    parent: str | None
    depth: int
    reward: float
    order: int
    visits: int = 0
    best_child: float | None = None
    closed: bool = False

    @property
    def value(self) -> float:
        return self.reward if self.best_child is None else self.best_child


@dataclass(frozen=True)
class TreeSettings:
    """`exploration` is c, `group` G, and `depth` the moves beyond which nothing is expanded."""

    exploration: float = 1.0
    group: int = 1
    depth: int = 6
    most_children: int = MOST_CHILDREN
    most_nodes: int = MOST_NODES


class Tree:
    """What was made of one start, named by the ids of candidates."""

    def __init__(self, start: str, reward: float, settings: TreeSettings) -> None:
        self.settings = settings
        self.start = start
        self.nodes: dict[str, Node] = {start: Node(start, None, 0, reward, 0)}
        self.parents: dict[str, str | None] = {start: None}
        """Of every candidate that was ever made here, also of those that failed or were not kept."""

    def add_reply(self, parent: str, child: str | None, reward: float | None) -> bool:
        """One reply about `parent`: what it made, if anything, and what that was worth (None or 0: it did not pass).
        True if that was new.
        """
        for name in self.lineage(parent):
            self.nodes[name].visits += 1
        if child is None or child in self.parents:
            return False
        self.parents[child] = parent
        above = self.nodes.get(parent)
        if above is None or not reward:
            return True
        above.best_child = reward if above.best_child is None else max(above.best_child, reward)
        self.nodes[child] = Node(child, parent, above.depth + 1, reward, len(self.parents) - 1)
        self._prune(parent)
        return True

    def close(self, name: str) -> None:
        """Nothing further is to be expected of this attempt."""
        if name in self.nodes:
            self.nodes[name].closed = True

    def lineage(self, name: str) -> list[str]:
        """The attempt and its ancestors up to the start, as far as they are kept."""
        found: list[str] = []
        step: str | None = name
        while step is not None:
            found.append(step)
            step = self.parents.get(step)
        return [each for each in found if each in self.nodes]

    def choose(self, count: int) -> list[str]:
        """At most `count` attempts to expand, best first; none is made of another one of them. Empty: all are closed
        or too deep.
        """
        chosen: list[str] = []
        above: set[str] = set()
        scores = self.scores()
        for name in sorted(scores, key=lambda each: (-scores[each], self.nodes[each].order)):
            lineage = self.lineage(name)
            if len(chosen) < count and name not in above and not set(chosen) & set(lineage):
                chosen.append(name)
                above |= set(lineage)
        return chosen

    def scores(self) -> dict[str, float]:
        """Of every attempt that may be expanded."""
        rewards = [node.reward for node in self.nodes.values()]
        scale = max(rewards) - min(rewards) or max(rewards)
        total = self.nodes[self.start].visits
        priors = self._priors()
        group = self.settings.group
        found = {}
        for name, node in self.nodes.items():
            if node.closed or node.depth >= self.settings.depth:
                continue
            bonus = priors[name] * math.sqrt(1 + total / group) / (1 + node.visits / group)
            found[name] = node.value + self.settings.exploration * scale * bonus
        return found

    def best(self) -> Node:
        """The attempt of the highest reward; of equals the earliest."""
        return max(self.nodes.values(), key=lambda node: (node.reward, -node.order))

    def _priors(self) -> dict[str, float]:
        """Linear in the rank of the own reward, and summing to one."""
        ranked = sorted(self.nodes.values(), key=lambda node: (-node.reward, node.order))
        count = len(ranked)
        whole = count * (count + 1) / 2
        return {node.name: (count - rank) / whole for rank, node in enumerate(ranked)}

    def _prune(self, parent: str) -> None:
        """Drops the worst child of too many, and the worst of all of too many, with all that was made of them; what a
        dropped one had shown to be possible stays known to its ancestors. The start stays.
        """
        children = [node for node in self.nodes.values() if node.parent == parent]
        if len(children) > self.settings.most_children:
            self._drop(_worst(children))
        if len(self.nodes) > self.settings.most_nodes:
            self._drop(_worst(node for node in self.nodes.values() if node.parent is not None))

    def _drop(self, node: Node) -> None:
        for child in [each for each in self.nodes.values() if each.parent == node.name]:
            self._drop(child)
        del self.nodes[node.name]


def _worst(nodes: Iterable[Node]) -> Node:
    return min(nodes, key=lambda node: (node.value, -node.order))
