"""Adapters on a shelf, and what they make of a base; the model that writes pipelines with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="the extra `lora` is not installed")

from conformance.model import SampledModelContract
from safetensors.numpy import load_file, save_file

from kernelevo.backends.agents import Networks, merged, note_base
from kernelevo.backends.networks import CONFIG, WEIGHTS, Shelf, read_delta
from kernelevo.backends.pipeline_model import PipelineModel
from kernelevo.backends.pipelines import Space, Unsound
from kernelevo.errors import BadInput
from kernelevo.language_model import Adapter, Message, Prompt, Sampling

SPACE = Space(
    parts=("plain", "smooth"), weights=(0, 1, 2), choices={"width": (3, 1, 9), "kind": ("mean", "median")},
    start={"plain": 1}, used_by={"width": ("smooth",)}, networked=("plain", "smooth"),
)  # fmt: skip
START = SPACE.text(SPACE.pipeline())
BASE = {"one.weight": np.zeros((3, 4), dtype=np.float32), "one.bias": np.ones(3, dtype=np.float32)}


def adapter(folder: Path, value: float = 1.0, layer: str = "one") -> Path:
    """Rank 2, alpha 4: it adds 2 * B A, each element of which is 2 * 2 * value."""
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps({"r": 2, "lora_alpha": 4}))
    tensors = {
        f"base_model.model.{layer}.lora_A.weight": np.full((2, 4), value, dtype=np.float32),
        f"base_model.model.{layer}.lora_B.weight": np.ones((3, 2), dtype=np.float32),
        "base_model.model.head.weight": np.full((5, 3), 7, dtype=np.float32),
    }
    save_file(tensors, folder / WEIGHTS)
    return folder


def test_an_adapter_adds_its_scaled_product_and_brings_what_it_holds_whole(tmp_path: Path) -> None:
    found = merged(BASE, read_delta(adapter(tmp_path / "a", 0.5)))
    assert found["one.weight"] == pytest.approx(np.full((3, 4), 2.0)) and (found["one.bias"] == 1).all()
    assert (found["head.weight"] == 7).all() and (BASE["one.weight"] == 0).all()
    with pytest.raises(BadInput, match="another network"):
        merged(BASE, read_delta(adapter(tmp_path / "b", layer="two")))


def test_a_shelf_knows_adapters_by_what_they_hold(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    first, again, other = (shelf.put(adapter(tmp_path / name, value)) for name, value in (("a", 1), ("b", 1), ("c", 2)))
    assert first == again != other and len(first) == 16
    assert shelf.get(other).layers["one"] == pytest.approx(np.full((3, 4), 8.0))
    with pytest.raises(Unsound, match="is not on this machine"):
        shelf.get("0" * 16)
    (tmp_path / "shelf" / other / WEIGHTS).write_bytes(b"changed")
    with pytest.raises(Unsound, match="is not on this machine"):
        shelf.get(other)
    with pytest.raises(BadInput, match="peft's format"):
        shelf.put(tmp_path / "shelf")


def test_a_base_is_made_once_and_kept(tmp_path: Path) -> None:
    made = []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return dict(BASE)

    for _ in range(2):
        networks = Networks(Shelf(tmp_path), "key", make)
        assert (networks.of("")["one.bias"] == 1).all() and networks.of("") is networks.base()
    assert len(made) == 1
    key = Shelf(tmp_path).put(adapter(tmp_path / "a"))
    assert (networks.of(key)["one.weight"] == 4).all()


def broken(folder: Path, settings: dict[str, object], tensors: dict[str, np.ndarray]) -> Path:
    """An adapter with other settings, and other arrays, than one that is trained here."""
    adapter(folder)
    (folder / CONFIG).write_text(json.dumps({"r": 2, "lora_alpha": 4, **settings}))
    named = {f"base_model.model.{name}": value for name, value in tensors.items()}
    save_file({**load_file(folder / WEIGHTS), **named}, folder / WEIGHTS)
    return folder


ONES = np.ones((2, 4), dtype=np.float32)
BROKEN: dict[str, tuple[dict[str, object], dict[str, np.ndarray], str]] = {
    "rslora": ({"use_rslora": True}, {}, "has use_rslora True"),
    "dora": ({"use_dora": True}, {"one.lora_magnitude_vector": np.ones(3, dtype=np.float32)}, "plain LoRA"),
    "a rank of its own": ({"rank_pattern": {"one": 1}}, {}, "has rank_pattern"),
    "a scale of its own": ({"alpha_pattern": {"one": 9}}, {}, "has alpha_pattern"),
    "the other way round": ({"fan_in_fan_out": True}, {}, "has fan_in_fan_out"),
    "no rank": ({"r": 0}, {}, "cannot be read"),
    "not finite": ({}, {"one.lora_A.weight": ONES * np.nan}, "one is not finite"),
    "too large": ({}, {"one.lora_A.weight": ONES * 3e38}, "one is not finite"),
    "halves that do not fit": ({}, {"one.lora_A.weight": np.ones((5, 4), dtype=np.float32)}, "cannot be read"),
    "a whole array of another shape": ({}, {"one.bias": np.ones(7, dtype=np.float32)}, "'one.bias' of another network"),
    "another layer": ({}, {"two.lora_A.weight": ONES, "two.lora_B.weight": np.ones((3, 2), dtype=np.float32)}, "'two'"),
}


@pytest.mark.parametrize(("settings", "tensors", "said"), BROKEN.values(), ids=BROKEN)
def test_an_adapter_that_is_not_understood_is_the_fault_of_who_names_it_and_bad_input_to_load(
    settings: dict[str, object], tensors: dict[str, np.ndarray], said: str, tmp_path: Path
) -> None:
    place, shelf = broken(tmp_path / "a", settings, tensors), Shelf(tmp_path / "shelf")
    networks = Networks(shelf, "key", lambda: BASE)
    with pytest.raises(Unsound, match=said):
        networks.of(shelf.put(place))
    model = PipelineModel(SPACE, shelf, require=networks.of)
    with pytest.raises(BadInput, match=f"the adapter in .*a does not fit: .*{said}"):
        model.load_adapter(Adapter("a", 1, str(place)))


def test_weights_that_are_no_safetensors_are_bad_input(tmp_path: Path) -> None:
    (adapter(tmp_path / "a") / WEIGHTS).write_bytes(b"half")
    with pytest.raises(BadInput, match="cannot be read"):
        read_delta(tmp_path / "a")


def test_an_adapter_of_another_base_of_the_same_shape_does_not_fit(tmp_path: Path) -> None:
    shelf, place = Shelf(tmp_path / "shelf"), adapter(tmp_path / "a")
    note_base(place, "mine")
    key = shelf.put(place)
    assert (Networks(shelf, "mine", lambda: BASE).of(key)["one.weight"] == 4).all()
    with pytest.raises(Unsound, match="was trained on another base, mine, not on theirs"):
        Networks(shelf, "theirs", lambda: BASE).of(key)


def test_a_shelf_mends_what_is_not_whole(tmp_path: Path) -> None:
    shelf, place = Shelf(tmp_path / "shelf"), adapter(tmp_path / "a")
    key = shelf.put(place)
    (tmp_path / "shelf" / key / WEIGHTS).write_bytes(b"half")
    assert shelf.put(place) == key and shelf.get(key).layers["one"] == pytest.approx(np.full((3, 4), 4.0))
    (tmp_path / "shelf" / "base-key.npz").write_bytes(b"PK half")
    for _ in range(2):
        assert (shelf.base("key", lambda: BASE)["one.bias"] == 1).all()


def test_a_shelf_copies_what_links_lead_to_and_says_which_lead_nowhere(tmp_path: Path) -> None:
    shelf, place, aside = Shelf(tmp_path / "shelf"), adapter(tmp_path / "a"), tmp_path / "aside"
    aside.mkdir()
    (aside / "more").write_text("more")
    (place / "linked").symlink_to(aside)
    assert shelf.get(shelf.put(place)).layers
    (place / "nowhere").symlink_to(tmp_path / "none")
    with pytest.raises(BadInput, match="give a folder of plain files"):
        shelf.put(place)
    assert not list((tmp_path / "shelf").glob(".*"))


def asked(harness: str = "", parent: str = START) -> Prompt:
    return Prompt((Message("system", harness), Message("user", parent)))


def written(model: PipelineModel, prompt: Prompt, n: int = 4) -> list[str]:
    return [reply.text for reply in model.sample(prompt, n, Sampling(100), 1.0)]


def test_the_harness_s_pipeline_comes_first_with_the_network_and_then_others(tmp_path: Path) -> None:
    model = PipelineModel(SPACE, Shelf(tmp_path / "shelf"), seed=3)
    wish = "weigh smooth = 2\nwidth = 9\nkind = mean\n"
    first, *others = written(model, asked(wish))
    assert first == wish and all(text not in (wish, START) for text in others)
    model.load_adapter(Adapter("a", 1, str(adapter(tmp_path / "a"))))
    key = Shelf(tmp_path / "shelf").put(tmp_path / "a")
    model.restart(3, {})
    assert written(model, asked(wish))[0] == f"{wish}network = {key}\n"
    model.restart(3, {})
    assert written(model, asked())[0] == f"{START}network = {key}\n", "with an adapter the start itself is new"
    model.load_adapter(None)
    model.restart(3, {})
    first, *others = written(model, asked())
    assert first == START and START not in others, "what it writes is the start, and then other things"


def test_all_that_a_harness_lists_is_written_in_its_order_and_then_others_of_the_first(tmp_path: Path) -> None:
    model = PipelineModel(SPACE, Shelf(tmp_path / "shelf"), seed=3)
    settings = ((9, "mean"), (9, "median"), (1, "mean"))
    listed = [f"weigh smooth = 2\nwidth = {width}\nkind = {kind}\n" for width, kind in settings]
    question = asked("\n# the best first\n\n" + "\n---\n".join(listed))
    assert written(model, question, 2) == listed[:2]
    third, other = written(model, question, 2)
    assert third == listed[2] and other not in (*listed, START)
    child = written(model, asked(question.messages[0].text, listed[1]), 4)
    assert listed[2] not in child[:1] and len(set(child)) > 1, "of another parent nothing is listed"


def test_draws_hang_on_seed_and_parent_not_on_harness_or_adapter(tmp_path: Path) -> None:
    """So that two policies at a gate vary alike."""
    model = PipelineModel(SPACE, Shelf(tmp_path / "shelf"), seed=3)
    child = "weigh plain = 1\nweigh smooth = 2\nwidth = 3\nkind = mean\n"
    plain = written(model, asked("", child), 6)
    model.load_adapter(Adapter("a", 1, str(adapter(tmp_path / "a"))))
    model.restart(3, {})
    with_adapter = written(model, asked("weigh smooth = 1\n", child), 6)
    assert [text.partition("network")[0] for text in with_adapter] == plain and len(set(plain)) > 2
    model.restart(4, {})
    assert written(model, asked("", child), 6) != plain


def test_what_is_no_pipeline_in_a_harness_is_bad_input(tmp_path: Path) -> None:
    model = PipelineModel(SPACE, Shelf(tmp_path))
    with pytest.raises(BadInput, match="the pipeline of the harness"):
        written(model, asked("weigh magic = 1\n"))


class TestPipelineModel(SampledModelContract):
    @pytest.fixture
    def model(self, tmp_path: Path) -> PipelineModel:
        return PipelineModel(SPACE, Shelf(tmp_path))

    @pytest.fixture
    def prompt(self) -> Prompt:
        return asked()
