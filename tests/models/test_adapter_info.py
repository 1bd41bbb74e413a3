"""What is said of adapters whose files are wrong: never a figure that follows from nonsense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("safetensors", reason="the extra `lora` is not installed")

from kernelevo.errors import BadInput  # noqa: E402
from kernelevo.models.adapter_files import CONFIG, write_adapter  # noqa: E402
from kernelevo.models.adapter_info import read_info  # noqa: E402
from kernelevo.models.tabular import Lora  # noqa: E402

NAME = "base_model.model.table.lora_{}.weight"


def write(folder: Path, fill: float = 1.0, **config: object) -> Path:
    tensors = {NAME.format("A"): torch.full((2, 1024), fill), NAME.format("B"): torch.ones(64, 2)}
    plain = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, **config}
    write_adapter(folder, "tabular", tensors, plain, {"values": torch.zeros(64)})
    return folder


def test_the_change_is_the_norm_of_the_product(tmp_path: Path) -> None:
    assert read_info(write(tmp_path)).change == pytest.approx(2 * (1024 * 64) ** 0.5)


@pytest.mark.parametrize("fill", [float("nan"), float("inf")])
def test_what_is_no_number_has_no_norm_and_does_not_act(tmp_path: Path, fill: float) -> None:
    for read in (read_info, Lora.read):
        with pytest.raises(BadInput, match="no number"):
            read(write(tmp_path, fill))


@pytest.mark.parametrize("config", [{"r": 0}, {"r": -1}, {"r": True}, {"lora_alpha": "x"}, {"lora_alpha": None}])
def test_a_configuration_without_rank_or_scale_is_bad_input(tmp_path: Path, config: dict) -> None:
    write(tmp_path)
    plain = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps({**plain, **config}))
    with pytest.raises(BadInput, match="rank r from 1"):
        read_info(tmp_path)
