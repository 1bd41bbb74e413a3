"""RUNS BEHIND THE WALL: one build in a process of its own. Reads request.json and writes answer.json, here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from triton_build import build
from triton_package import import_triton

import_triton(sys.argv[1])
request = json.loads(Path("request.json").read_text(encoding="utf-8"))
Path("answer.json").write_text(json.dumps(build(request)), encoding="utf-8")
