"""Cases told otherwise: what a judge would not decide by is changed, and a classifier that goes by it is found out.

CHANGES are the ways, each told by a figure of its own; beside them stands how well those charges are told of which few
cases are known. Who is a person and what is a place is found by how courts write (a surname before 某, two
characters before 省, 市, 县 and the like), not by understanding: some are missed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

Array = np.ndarray
Change = Callable[[str, random.Random], str]
SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳鲍史唐费廉岑薛"
    "雷贺倪汤滕殷罗毕郝邬安常乐于时傅卞齐康伍余元卜顾孟平黄穆萧尹姚邵汪祁毛狄米贝明臧计成戴宋庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄江童颜郭"
    "梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫经房裘缪干解应宗丁宣邓郁单洪包诸左石崔吉龚程邢裴陆荣翁荀羊惠曲封靳段焦巴谷车侯全班仰秋仲伊"
    "宁仇栾甘厉祖武符刘景詹束龙叶幸司韶黎薄印白怀蒲邰从鄂索赖卓蔺屠蒙池乔阴闻莘党翟谭劳申扶冉宰雍桑桂牛寿边燕冀尚农温别庄晏柴瞿阎连习艾容向古易"
    "廖耿满匡国文寇广欧利师巩聂关肖"
)
_NUMBER = re.compile(r"[0-9０-９]+")
_PERSON = re.compile(rf"(?<![0-9０-９几数])[{SURNAMES}][0-9A-Z]?某{{1,3}}[甲乙丙丁戊己庚辛0-9A-Z]?")
_UNIT = "省市县区镇乡村街路"
_PLACE = re.compile(rf"([一-龥]{{2}})(?=[{_UNIT}])")
_BEFORE = frozenset("从往由向经赴自本该各其等和与及为有")
"""Characters that stand before a place, but begin none."""
_NOWHERE = frozenset("在于至到的了是某" + _UNIT)
"""Characters that are in no place."""
_NO_STEM = frozenset("超小辖地公道铁马农城山监厂乡上逛思线电走郊社住院校库片园老新")
"""Last characters of a stem that make a common word with the unit: 超市, 小区, 公路."""
_NO_STEMS = frozenset([
    "保护", "开发", "行政", "工业", "附近", "部分", "通过", "人民", "交叉", "十字", "组织", "门前",
    "高速", "综合", "特定", "群众", "见过", "避过", "垄断", "古玩", "真品", "正品", "红灯", "管门",
    "人行", "商业", "公共",
])  # fmt: skip
"""Words that stand before a unit, and are no place."""
_STEMS = (
    "长河东山青石北川南湖安平临江金水永宁玉泉清溪太和新丰龙泉凤鸣白沙红岩柳林梅岭松江云台武阳高桥双林沙湾丹阳万年宝丰宜城广德"
)  # fmt: skip
_SENTENCE = re.compile(r"[^。；]*[。；]|[^。；]+$")


def _persons(swap: bool) -> Change:
    """The same person is called the same throughout; `swap` gives another surname, else 某某."""

    def changed(fact: str, source: random.Random) -> str:
        found = sorted(set(_PERSON.findall(fact)), key=lambda each: (-len(each), each))
        called = {each: _renamed(each, source) if swap else "某某" for each in found}
        return _replaced(fact, called)

    return changed


def _renamed(name: str, source: random.Random) -> str:
    return source.choice([each for each in SURNAMES if each != name[0]]) + name[1:]


def _places(swap: bool) -> Change:
    """The same place is called the same throughout; its unit stays."""

    def changed(fact: str, source: random.Random) -> str:
        found = sorted(each for each in set(_PLACE.findall(fact)) if _is_place(each))
        called = {}
        for each in found:
            number = source.randrange(len(_STEMS) // 2)
            called[each] = _STEMS[2 * number : 2 * number + 2] if swap else "某某"
        return _replaced(fact, called, f"(?=[{_UNIT}])")

    return changed


def _is_place(stem: str) -> bool:
    return stem not in _NO_STEMS and not _NOWHERE & set(stem) and stem[0] not in _BEFORE and stem[1] not in _NO_STEM


def _replaced(fact: str, called: Mapping[str, str], before: str = "") -> str:
    """Each of `called` by what it is to be called, where `before` (a look ahead) follows."""
    if not called:
        return fact
    every = "|".join(map(re.escape, called))
    return re.sub(f"(?:{every}){before}", lambda found: called[found[0]], fact)


def _numbers(fact: str, source: random.Random) -> str:
    """Other numbers of as many digits."""
    return _NUMBER.sub(lambda found: _like(found[0], source), fact)


def _like(number: str, source: random.Random) -> str:
    first = str(source.randint(1, 9))
    return first + "".join(str(source.randint(0, 9)) for _ in number[1:])


def _order(fact: str, source: random.Random) -> str:
    """In another order, where there is one."""
    sentences = _SENTENCE.findall(fact)
    shuffled = source.sample(sentences, len(sentences))
    return "".join(shuffled if shuffled != sentences else [*sentences[1:], *sentences[:1]])


CHANGES: Mapping[str, Change] = MappingProxyType({
    "names masked": _persons(swap=False),
    "names swapped": _persons(swap=True),
    "places masked": _places(swap=False),
    "places swapped": _places(swap=True),
    "numbers changed": _numbers,
    "sentences shuffled": _order,
})  # fmt: skip


def told_otherwise(fact: str, change: str, seed: int) -> str:
    """One of CHANGES; the same for the same fact and seed."""
    return CHANGES[change](fact, random.Random(f"{seed} {change} {fact[:50]}"))


def every_telling(facts: Sequence[str], seed: int) -> list[str]:
    """All facts as they are, then all by the first change, then all by the next: TELLINGS times as many."""
    return [*facts, *(told_otherwise(fact, change, seed) for change in CHANGES for fact in facts)]


TELLINGS = 1 + len(CHANGES)


@dataclass(frozen=True)
class Audited:
    """Shares of cases told right: `unchanged`, `by_change`, and `rare` (unchanged, of rare charges)."""

    unchanged: float
    by_change: Mapping[str, float]
    rare: float

    @property
    def accuracy(self) -> float:
        """The mean over changes and rare charges, each counted alike."""
        return float(np.mean([*self.by_change.values(), self.rare]))

    @property
    def figures(self) -> dict[str, float]:
        """By the names that a verdict tells."""
        changed = {f"accuracy with {change}": share for change, share in self.by_change.items()}
        return {
            "accuracy": self.accuracy, "accuracy unchanged": self.unchanged, **changed,
            "accuracy on rare charges": self.rare,
        }  # fmt: skip


def audited(told: Array, wanted: Array, often: Array) -> Audited:
    """`told` int[TELLINGS, cases] is what was said of the cases of `every_telling`, `wanted` int[cases] their charges,
    and `often` int[charges] of how many cases each charge was told.
    """
    right = told == wanted
    by_change = {change: float(row.mean()) for change, row in zip(CHANGES, right[1:], strict=True)}
    return Audited(float(right[0].mean()), by_change, float(right[0, rare(wanted, often)].mean()))


def rare(wanted: Array, often: Array) -> Array:
    """bool[cases]: those of charges that are told less often than the median charge; all where none is."""
    few = often[wanted] < np.median(often[np.unique(wanted)])
    return np.asarray(few if few.any() else ~few)
