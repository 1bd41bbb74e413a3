"""The Python examples of the README and of docs/batch-door.md run as they stand, and judge what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def examples(document: str) -> list[str]:
    """The Python blocks of a document that call the Python door."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if "kernelevo.evaluate(" in block]


@pytest.mark.parametrize("document", ["README.md", "docs/batch-door.md"])
def test_the_examples_of_the_python_door_run(
    document: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("KERNELEVO_CACHE", str(tmp_path))
    monkeypatch.delenv("KERNELEVO_DEVICE", raising=False)
    (example,) = examples(document)
    names: dict[str, object] = {}
    exec(compile(example, document, "exec"), names)
    assert names["verdict"].status == "passed"
    assert "us (modelled, virtual:h100)" in capsys.readouterr().out
