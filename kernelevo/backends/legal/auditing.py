"""Cases told otherwise: what a judge would not decide by is changed, and a classifier that goes by it is found out."""

from __future__ import annotations

import random
import re

_NUMBER = re.compile(r"[0-9]+")
_NAME = re.compile(r"[一-龥](?=某)")
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_SENTENCE = re.compile(r"[^。；]+[。；]?")


def told_otherwise(fact: str, seed: int) -> str:
    """Other names before 某, other numbers of as many digits, and the sentences in another order."""
    source = random.Random(f"{seed} {fact[:50]}")
    named = _NAME.sub(lambda found: source.choice(_SURNAMES), fact)
    counted = _NUMBER.sub(lambda found: _like(found[0], source), named)
    sentences = _SENTENCE.findall(counted)
    source.shuffle(sentences)
    return "".join(sentences)


def _like(number: str, source: random.Random) -> str:
    first = str(source.randint(1, 9))
    return first + "".join(str(source.randint(0, 9)) for _ in number[1:])
