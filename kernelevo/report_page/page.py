"""The page of one profile, put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources

from kernelevo.diagnosis.subject import Profile, Subject
from kernelevo.report_page.highlight import highlighted
from kernelevo.report_page.launch_view import launch_view
from kernelevo.report_page.markup import Child, Html, document, el, raw_style
from kernelevo.report_reasons import profile_labels, to_the_floor, why
from kernelevo.types import CaseResult

_NO_SCRIPTS = "default-src 'none'; style-src 'unsafe-inline'"
"""What the page may load: nothing. A browser holds it to that, whatever a kernel's text contains."""


def profile_page(profile: Profile) -> str:
    """The whole page as text."""
    return page(f"Profile of {profile.file}", _heading(profile), cases(profile, "p", True), made(profile))


def page(title: str, *body: Child) -> str:
    """A page with our style."""
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    head = [
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=_NO_SCRIPTS),
        el("title", title),
        raw_style(style),
    ]
    return document(head, el("main", body))


def cases(profile: Profile, anchor: str, first_open: bool) -> list[Html]:
    """A section for each case, of which the first may be open."""
    source = highlighted(profile.text, profile.file.endswith(".py"))
    if profile.text.endswith("\n"):
        source.pop()
    return [
        _case(profile, case, source, f"{anchor}{place}", first_open and place == 1)
        for place, case in enumerate(profile.verdict.cases, 1)
    ]


def _heading(profile: Profile) -> Html:
    score = profile.verdict.score
    labels = [el("p", label, class_="mind") for label in profile_labels(profile.verdict)]
    return el(
        "header", el("p", "kernelevo profile", class_="kicker"), el("h1", profile.file),
        el("p", el("span", profile.verdict.device, class_="badge"),
           el("span", score.how, class_=f"badge {score.how}") if score else None,
           el("span", f"band {profile.band:.0%}", class_="badge")), labels,
    )  # fmt: skip


def _case(profile: Profile, case: CaseResult, source: Sequence[Html], anchor: str, is_open: bool) -> Html:
    subjects, floor = profile.subjects[case.name], profile.floors.get(case.name)
    sentences = why(case, floor) if len(subjects) > 1 else to_the_floor(case, floor)
    launches = [
        launch_view(subject, source, f"{anchor}-{place}", case.time.how) for place, subject in enumerate(subjects, 1)
    ]
    return el(
        "details", el("summary", el("h2", case.name), el("span", str(case.time), class_="soft")),
        [el("p", sentence) for sentence in sentences], launches, class_="case", open=is_open,
    )  # fmt: skip


def made(profile: Profile) -> Html:
    """How all of this was got."""
    rows = [el("div", el("dt", label), el("dd", value)) for label, value in profile.made.items()]
    return el("footer", el("h2", "How these figures were got"), el("dl", rows, class_="made"),
              [el("p", sentence, class_="note") for sentence in _explained(profile)])  # fmt: skip


def _explained(profile: Profile) -> Iterator[str]:
    yield (
        "Counts are integers of the PTX as it was executed; machine code differs (ptxas merges, expands and removes "
        "instructions). Hits and misses come from a small model of the caches."
    )
    if profile.verdict.score and profile.verdict.score.how == "modelled":
        yield (
            "Times are modelled from the counts and a table of the card, and were measured on no card. They tell what "
            "bounds a kernel and order clearly different kernels; they prove nothing about a few per cent."
        )
    if _subjects(profile) and not any(subject.card for subject in _subjects(profile)):
        yield "Nothing is known of this device's card, so that roofs and occupancy are not shown."


def _subjects(profile: Profile) -> list[Subject]:
    return [subject for subjects in profile.subjects.values() for subject in subjects]
