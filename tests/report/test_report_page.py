"""The page of a profile: self-contained, well-formed, with nothing of a kernel's text taken for markup."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest
from profiles import COUNTS, line, profile, step

from kernelevo.answer import Floor
from kernelevo.diagnosis.roofline import roofline
from kernelevo.diagnosis.subject import Profile
from kernelevo.report_page.axes import LogScale, whole_decades
from kernelevo.report_page.bars import Bar, bars
from kernelevo.report_page.highlight import highlighted
from kernelevo.report_page.markup import Html, document, el, markup, raw_style
from kernelevo.report_page.memory_chart import memory_chart
from kernelevo.report_page.occupancy_chart import occupancy_chart
from kernelevo.report_page.page import profile_page
from kernelevo.report_page.roofline_chart import roofline_chart
from kernelevo.types import StepReport

SOURCE = """// one row a thread: 1 < 2 && "quoted"
#define BLOCK 128
extern "C" __global__ void f(float* x) {
  __shared__ float tile[32];
  int i = threadIdx.x;
  x[i] = tile[i] * 2.0f;
}
"""
LINES = (
    line(6, 90, 64, text="ld.global.f32 %f1, [%rd1]", ptx_line=31), line(6, 4, wavefronts=8, ptx_line=40),
    line(5, 2, text="mov.u32 %r1, %tid.x", ptx_line=30), line(0, 1, text="ret", file=""),
    line(9, 1, text="add.s32 %r1, %r1, 1", file="header.h"),
)  # fmt: skip
VOID = {"meta", "br", "hr"}


class Reader(HTMLParser):
    """Checks that elements nest, and gathers text, elements and ids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name == "href" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes what is not open"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def words(reader: Reader) -> str:
    return re.sub(r"\s+", " ", " ".join(reader.text))


def made(report: StepReport | None = None, text: str = SOURCE, **more) -> Profile:
    return profile(report or step("L1 sectors", *LINES), {"n=8": Floor(2.0, "at least 1 byte")}, text, **more)


def test_a_page_is_well_formed_and_says_what_terminal_and_data_say() -> None:
    reader = read(profile_page(made()))
    text = words(reader)
    for said in ("mine.cu", "n=8", "modelled", "1.25 times the floor of 2 us", "What usually helps", "Roofline",
                 "Each resource alone", "Occupancy", "Memory accesses", "Warp instructions by class",
                 "How these figures were got", "band 25%", "kernelevo 0"):  # fmt: skip
        assert said in text, said
    assert {"svg", "details", "summary", "table", "dl"} <= set(reader.names)


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    page = profile_page(made())
    reader = read(page)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(reader.names)
    assert all(link.startswith("#") for link in reader.links)
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name == "src"]
    assert "url(" not in page and "@import" not in page and "http" not in page.replace("http-equiv", "")
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in reader.attributes


def test_a_page_is_readable_in_light_and_dark_and_on_a_phone() -> None:
    page = profile_page(made())
    assert "prefers-color-scheme: dark" in page and "max-width: 640px" in page
    assert ("name", "viewport") in read(page).attributes


EVIL = '<script>alert(1)</script><img src=x onerror=alert(2)>" style="x" \'&amp;'


def test_what_a_kernel_says_is_text_wherever_it_stands() -> None:
    report = step("L1 sectors", line(1, 9, 64, text=f"ld.global.f32 %f1, [{EVIL}]"), line(3, 5, 32, file=EVIL))
    evil = made(report, text=f"// {EVIL}\n{EVIL}\n", name=EVIL, file=EVIL + ".cu")
    evil = dataclasses.replace(evil, made={EVIL: EVIL})
    page = profile_page(evil)
    reader = read(page)
    assert not {"script", "img"} & set(reader.names)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    # In comment, code, kernel's name, file's name, instruction, header and provenance: all of it is there, as text.
    assert "".join(reader.text).count("alert(1)") >= 7


def test_characters_that_no_page_may_hold_are_shown_as_escapes() -> None:
    page = profile_page(made(text="int a;\x00\x1b[31m\u202e // \x0c\n"))
    assert not re.search("[\x00\x1b\x0c\u202e]", page) and "\\x1b" in page and "\\u202e" in page


def test_every_source_line_has_its_counts_and_opens_to_its_ptx() -> None:
    page = profile_page(made())
    (row,) = re.findall(r'<tr id="p1-1-6".*?</details></td></tr>', page, re.DOTALL)
    cells = [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
    assert cells[:7] == ["6", "100.0%", "95.9%", "94", "4", "32.0", "4.0"]
    assert "ld.global.f32 %f1, [%rd1]" in row and "32.0 sectors" in row and "4.0 wavefr." in row
    assert "header.h:9" in page and "(the compiler gave no source line)" in page
    assert len(re.findall(r'<tr id="p1-1-\d+"', page)) == len(SOURCE.splitlines())


def test_a_finding_links_to_its_line() -> None:
    lines = (line(6, 90, 2880, text="ld.global.f32 %f1, [%rd1]"),)
    counts = {**COUNTS, "global_load_requests": 90, "global_load_sectors": 2880}
    report = dataclasses.replace(step("L1 sectors", *lines), counts=counts)
    reader = read(profile_page(made(report)))
    assert "#p1-1-6" in reader.links and "p1-1-6" in reader.ids
    assert len(reader.ids) == len(set(reader.ids))


def test_long_runs_of_lines_without_counts_are_folded() -> None:
    page = profile_page(made(text="\n" * 20 + SOURCE))
    assert "lines 7 to 27: nothing is executed here" in page
    assert "nothing is executed here" not in profile_page(made())


def test_what_the_device_does_not_say_is_not_shown() -> None:
    bare = StepReport("_Z1gPf", {}, (), "", None, "", None)
    text = words(read(profile_page(made(bare, card=None))))
    for word in ("Roofline", "Occupancy", "Each resource alone", "Source", "Memory accesses"):
        assert word not in text
    assert "Nothing is known of this device's card" in text


def test_confidence_and_what_merging_leaves_are_shown_where_they_are_known() -> None:
    report = step("L1 sectors", *LINES, details={"confidence": "low", "confidence_reasons": ["sampled"], "band": 2.0})
    exact = {"shared_load_requests": 4, "shared_load_wavefronts": 16}
    merged = {**COUNTS, **exact, "shared_load_requests_merged": 1, "shared_load_wavefronts_merged": 5}
    text = words(read(profile_page(made(dataclasses.replace(report, counts=merged)))))
    assert "confidence in the time: low, within a factor of 2 either way (sampled)" in text
    assert "once merged wavefronts 1 5 5.00" in " ".join(text.split())
    assert "merged" not in words(read(profile_page(made())))


def test_a_number_is_an_attribute_and_text_is_escaped_in_one_too() -> None:
    assert el("a", "<b>", title='"x"', data_line=3, hidden=True, id=None) == (
        '<a title="&quot;x&quot;" data-line="3" hidden>&lt;b&gt;</a>'
    )
    assert markup([None, False, 0, "&", Html("<i></i>")]) == "0&amp;<i></i>"
    assert el("br") == "<br>" and document("", "").startswith("<!DOCTYPE html>\n<html")


def test_a_style_sheet_cannot_end_its_element() -> None:
    assert raw_style("a { color: red }").startswith("<style>")
    with pytest.raises(ValueError, match="no tags"):
        raw_style("</style><script>")


def test_highlighting_changes_no_character_and_no_line() -> None:
    texts = [SOURCE, "/* a\nb */ int x = 3; // <é>\n", "", "no newline", "'unterminated\n\"too\n", "a\r\nb"]
    for text in texts:
        lines = highlighted(text, triton=False)
        plain = [re.sub("<[^>]+>", "", each) for each in lines]
        restored = "\n".join(plain).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
        restored = restored.replace("&#x27;", "'").replace("&amp;", "&")
        assert restored == text.replace("\r\n", "\n")
    assert 'class="kw"' in highlighted("def f():\n    return 1\n", triton=True)[0]


def test_a_log_scale_puts_decades_at_equal_distances() -> None:
    scale = LogScale(0.1, 1000.0, 0.0, 400.0)
    assert [round(scale(value)) for value in (0.1, 1, 10, 100, 1000)] == [0, 100, 200, 300, 400]
    assert scale.decades(10) == pytest.approx([0.1, 1, 10, 100, 1000]) and len(scale.decades(3)) == 3
    assert whole_decades([0.3, 40]) == (0.1, 100) and whole_decades([10]) == (10, 100)


def test_bars_are_as_long_as_their_shares_and_zero_has_none() -> None:
    drawn = bars([Bar("a", 1.0, "4"), Bar("b", 0.25, "1"), Bar("c", 0.0, "0")])
    assert re.findall(r"width:([\d.]+)%", drawn) == ["100.0", "25.0"]


def numbers(drawn: str, pattern: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, drawn)]


def test_the_roofline_puts_every_level_at_its_intensity_and_all_at_what_is_attained() -> None:
    subject = made().subjects["n=8"][0]
    roof = roofline(subject)
    assert roof is not None
    drawn = roofline_chart(roof)
    across, up = numbers(drawn, r'cx="([\d.]+)"'), numbers(drawn, r'cy="([\d.]+)"')
    assert len(across) == len(roof.points) == 4 and len(set(up)) == 1
    order = sorted(range(4), key=lambda place: roof.points[place].intensity)
    assert [across[place] for place in order] == sorted(across)
    assert max(across) <= 400 and "instr/s" in drawn and drawn.count("swatch") == 4


def test_every_drawing_lies_inside_its_frame() -> None:
    subject = made().subjects["n=8"][0]
    roof = roofline(subject)
    for drawn in (roofline_chart(roof), memory_chart(COUNTS), occupancy_chart(subject)):
        for frame in re.findall(r'<svg viewBox="0 0 (\d+) (\d+)".*?</svg>', drawn, re.DOTALL):
            assert tuple(map(int, frame)) > (0, 0)
        for name, limit in (("x", 400), ("x1", 400), ("x2", 400), ("cx", 400), ("y1", 320), ("y2", 320), ("cy", 320)):
            assert all(0 <= value <= limit for value in numbers(drawn, rf' {name}="(-?[\d.]+)"')), name


def test_the_memory_chart_has_bytes_and_hits_and_says_where_shared_memory_is_not_used() -> None:
    drawn = re.sub("<[^>]+>", " ", memory_chart(COUNTS))
    assert "50% of loads hit" in drawn and "2.05 KB" in drawn and "4.00 per request" in drawn
    assert "not used" in memory_chart({"global_load_sectors": 4})


def test_the_occupancy_chart_has_a_place_for_each_warp_of_an_sm() -> None:
    drawn = occupancy_chart(made().subjects["n=8"][0])
    assert drawn is not None
    states = {state: len(re.findall(f'class="slot {state}"', drawn)) for state in ("taken", "free", "barred")}
    # One block of one warp on each of four SMs; 32 blocks of one warp would fit, half of 64.
    assert states == {"taken": 1, "free": 31, "barred": 32}
    assert occupancy_chart(made(card=None).subjects["n=8"][0]) is None
