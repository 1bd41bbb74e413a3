"""What a study came to, for a person: a table, sentences, and one page that stands alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kernelevo.counting import counted
from kernelevo.report_page.axes import chart, line, text
from kernelevo.report_page.markup import Html, el
from kernelevo.report_page.page import page
from kernelevo.report_study_figures import figure_lines, figure_tables

WAYS = {
    "equal_total": "at equal cost (what learning took is spent on the test by the others)",
    "equal_test": "with equally many evaluations of the test (learning paid apart)",
    "soon": "on average over the first four candidates of a task (learning paid apart)",
}
SHORT = {"equal_total": "equal cost", "equal_test": "equal test", "soon": "first four"}
LEAST = 3
"""Seeds, and tasks, below which nothing is called ahead."""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 760, 360, 56, 44, 16, 150
_OF_CURVES = (
    "Mean over seeds and tasks of log2 of the best reward in the search, after each evaluation of a task. Arms that "
    "learn paid for that before, and stop earlier."
)
_OF_INTERVALS = (
    "Intervals hold 95 %, from a bootstrap over seeds and tasks together. What was found best was judged anew on draws "
    "that had no part in finding it."
)
_COLOURS = ("#0b63c5", "#c2410c", "#15803d", "#8b46c9", "#b7791f", "#0e8a7d", "#b91c1c")


def study_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """A line for each arm and comparison; factors are 2 to the mean of log2."""
    yield (
        f"study {told['run']}: {told['task']} with {told['model']} on {told['device']} ({told['how']}), "
        f"{told['seeds']} seeds, tasks of the split {told['on']}; {told['finished']} of {told['planned']} arms are done"
    )
    for way, words in WAYS.items():
        yield f"{gain_of(told)}, {words}:"
        for row in told["arms"]:
            yield f"  {row['arm']:<10} {factor(row[way])}   {row['words']}"
    yield from figure_lines(told.get("figures"))
    for each in told["comparisons"]:
        yield f"  {comparison(each)}"
    yield from (f"  {each}" for each in costs(told))


def opening(outcome: Mapping[str, Any] | None) -> str:
    """What came of an opening of the sealed tasks, in one line."""
    if outcome is None:
        return "no outcome yet"
    if "words" in outcome:  # of `kernelevo sealed`
        return str(outcome["words"])
    ways = (
        f"{SHORT[way]}: " + ", ".join(f"{arm} {2 ** mean['mean']:.3f}" for arm, mean in arms.items())
        for way, arms in outcome.items()
    )
    return "; ".join(ways)


def gain_of(told: Mapping[str, Any]) -> str:
    """What the factors are, of the start's."""
    gain = told.get("gain", "times as fast")
    return f"{gain} {'as' if ' as ' in gain else 'than'} the start"


def costs(told: Mapping[str, Any]) -> Iterator[str]:
    """A line for each arm: what it took."""
    for row in told["arms"]:
        doubling = row["evaluations_per_doubling"]
        cost = "nothing gained" if doubling is None else f"{doubling:.0f} evaluations of a task for each doubling"
        accepted = counted(row["changes_accepted"], "change")
        yield (
            f"{row['arm']:<10} {row['evaluations_per_seed']:.0f} evaluations for each seed, of these "
            f"{row['learning_per_seed']:.0f} to learn ({accepted} accepted); {cost}{_paid(row)}"
        )


def _paid(row: Mapping[str, Any]) -> str:
    """From how many tasks on learning has paid for itself."""
    tasks, needs = row["pays_after_tasks"], row["base_needs"]
    if tasks is None:
        return ""
    found = "what it finds in five evaluations of a task base finds in"
    if needs is None:
        return f"; {found} none of the study's: learning pays after {tasks:.0f} tasks at most"
    return f"; {found} {needs}: learning pays after about {tasks:.0f} tasks"


def factor(mean: Mapping[str, float]) -> str:
    return f"{2 ** mean['mean']:6.3f}  ({2 ** mean['low']:.3f} to {2 ** mean['high']:.3f})"


def comparison(each: Mapping[str, Any]) -> str:
    """`both against base, equal cost: 1.100 (1.02 to 1.19): ahead`; ahead or behind only where the interval says so and
    rests on enough: resampling two seeds, or two tasks, knows nothing of others.
    """
    verdict = "ahead" if each["low"] > 0 else "behind" if each["high"] < 0 else "cannot be told apart"
    if min(each["seeds"], each["tasks"]) < LEAST:
        verdict = f"no claim with fewer than {LEAST} seeds and {LEAST} tasks"
    way = SHORT[each["counting"]]
    low, high = 2 ** each["low"], 2 ** each["high"]
    told = f"{2 ** each['mean']:.3f} ({low:.3f} to {high:.3f})"
    return f"{each['arm']} against {each['against']}, {way}: {told}: {verdict}"


def study_page(told: Mapping[str, Any]) -> str:
    """One page with the curves, the table and how it was got; it loads nothing."""
    lines = [*map(comparison, told["comparisons"]), *costs(told)]
    badges = [told["device"], told["how"], f"{told['seeds']} seeds", f"split {told['on']}", f"model {told['model']}"]
    claim = el("p", f"Claim: {told['claim']}") if told["claim"] else None
    return page(
        f"Arms on {told['task']}",
        el("header", el("p", "kernelevo study arms", class_="kicker"), el("h1", f"Arms on {told['task']}"),
           el("p", [el("span", badge, class_="badge") for badge in badges]), claim),
        el("section", el("h3", "Best so far against evaluations"), curves(told["curves"]),
           el("p", _OF_CURVES, class_="note"), class_="panel"),
        [el("section", el("h3", f"{gain_of(told).capitalize()}, {words}"), intervals(told["arms"], way), class_="panel")
         for way, words in WAYS.items()],
        el("section", el("h3", "Figures beside the reward"), list(figure_tables(told["figures"])),
           class_="panel") if told.get("figures") else None,
        el("section", el("h3", "Comparisons and costs"), [el("p", each) for each in lines],
           el("p", _OF_INTERVALS, class_="note"), class_="panel"),
    )  # fmt: skip


def curves(found: Mapping[str, Sequence[float]]) -> Html:
    """One line for each arm, with its name where it ends."""
    longest = max((len(values) for values in found.values()), default=1)
    highest = max((value for values in found.values() for value in values), default=1.0) or 1.0
    parts: list[Html] = list(_axes(longest, highest))
    for place, (arm, values) in enumerate(found.items()):
        if values:
            parts += _curve(arm, values, longest, highest, _COLOURS[place % len(_COLOURS)], place)
    return chart(_WIDTH, _HEIGHT, "Best so far of each arm against evaluations of a task", *parts)


def _x(at: float, longest: int) -> float:
    """On a logarithmic scale: arms differ in their first evaluations."""
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log2(max(1, at)) / math.log2(max(2, longest))


def _y(value: float, highest: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / highest


def _axes(longest: int, highest: float) -> Iterator[Html]:
    yield line(_LEFT, _y(0, highest), _x(longest, longest), _y(0, highest), "axis", stroke="currentColor")
    yield line(_LEFT, _y(0, highest), _LEFT, _TOP, "axis", stroke="currentColor")
    for part in range(5):
        value = highest * part / 4
        yield text(_LEFT - 6, _y(value, highest) + 4, f"{2**value:.2f}x", "end")
    for at in (2**power for power in range(longest.bit_length())):
        yield text(_x(at, longest), _HEIGHT - _BOTTOM + 18, str(at), "middle")
    yield text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, "evaluations of a task, its start among them", "middle")


def _curve(arm: str, values: Sequence[float], longest: int, highest: float, colour: str, place: int) -> list[Html]:
    points = " ".join(f"{_x(at, longest):.1f},{_y(value, highest):.1f}" for at, value in enumerate(values, 1))
    left, top = _WIDTH - _RIGHT + 10, _TOP + 14 + 18 * place
    key = el("line", x1=left, y1=top - 4, x2=left + 18, y2=top - 4, stroke=colour, stroke_width=3)
    name = el("text", arm, x=left + 24, y=top)
    return [el("polyline", points=points, fill="none", stroke=colour, stroke_width=2), key, name]


def intervals(rows: Sequence[Mapping[str, Any]], way: str) -> Html:
    """A table: the factor of each arm and its interval."""
    head = el("tr", [el("th", name) for name in ("arm", "factor", "95 % interval", "evaluations a seed", "is")])
    body = [
        el("tr", el("td", row["arm"]), el("td", f"{2 ** row[way]['mean']:.3f}"),
           el("td", f"{2 ** row[way]['low']:.3f} to {2 ** row[way]['high']:.3f}"),
           el("td", f"{row['evaluations_per_seed']:.0f}"), el("td", row["words"]))
        for row in rows
    ]  # fmt: skip
    return el("table", el("thead", head), el("tbody", body))
