"""Settings: what may be chosen, and the one file that reads the environment.

`Settings` says where things are on this machine; `Limits` what a search may use; `Request` what the user asked of one
kernel. All are frozen. Environment variables (all optional):

    KERNELEVO_RUNS     folder of runs (default: runs)
    KERNELEVO_CACHE    folder of compiled images (default: XDG_CACHE_HOME/kernelevo or ~/.cache/kernelevo)
    KERNELEVO_DEVICE   device used when --device is not given (default: virtual:h100)
    KERNELEVO_HARNESS  folder of the harness (default: harness, if it is there, else the one that is installed)
    KERNELEVO_DATA     the user's own data for a backend of the loop that has a sample of its own (as --data)
    KERNELEVO_SCRNA_SECOND    counts of another tissue, which the audit of the backend scrna judges by, too
    KERNELEVO_SCRNA_SOURCE    counts of other cells that the base of its network is trained on
    KERNELEVO_LEGAL_STATUTES  texts of statutes by charge, by which the backend legal knows its charges
    KERNELEVO_LEGAL_TEXTS     texts without labels, of which the base of its network is made, too
    KERNELEVO_TRUST    1: problem files that are new to this machine are run unasked; or folders (a:b) whose own are
    OPENAI_API_KEY     the key for --model openai:NAME (or the variable that --key-variable names)
    CI                 when set, progress is printed as plain lines even on a terminal
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from kernelevo.errors import BadInput

DEFAULT_DEVICE = "virtual:h100"
HARNESS = Path("harness")
DEFAULT_FINDINGS, MOST_FINDINGS = 20, 1000
"""Findings that a search for faults tells: as many as a person reads, and as many as one launch may report."""
MOST_WORKERS = 512
"""Each has a thread and jailed processes of its own; a machine has fewer cores than this."""
COMPILERS = ("nvrtc", "nvcc")
CARD_DRIVERS = ("cupy", "pycuda")
"""What a card may be driven through."""
Level = Literal["search", "final", "sanitize"]
LEVELS: tuple[Level, ...] = ("search", "final", "sanitize")
"""How much is checked (docs/evaluation.md): a search's own light checks; what is reported; and faults at all sizes."""
TIMES_FROM = ("machine-code", "ptx")
"""What a modelled time rests on: the machine code, where its disassembler is installed, or the PTX alone."""
STANDARDS = ("c++03", "c++11", "c++14", "c++17", "c++20", "c++23")


@dataclass(frozen=True)
class Settings:
    """Where things are on this machine, and how output is written."""

    runs: Path
    cache: Path
    device: str | None
    harness: Path | None
    plain: bool
    trust: str = ""
    data: Path | None = None
    """The user's own data, for a backend of the loop that has a sample of its own."""
    metric: str | None = None
    """What candidates are rewarded by, of a backend of the loop that has several metrics."""
    second: Path | None = None
    """Counts of another tissue, which the audit of the backend scrna asks for."""
    source: Path | None = None
    """Counts of other cells, by the same genes, on which the base of the network of the backend scrna is trained."""
    statutes: Path | None = None
    """Texts of statutes by charge, which describe the charges of the backend legal."""
    texts: Path | None = None
    """Texts without labels, of which the base of the network of the backend legal is made, too."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Reads the variables named at the top of this file; an empty one counts as not set."""
        given = {name: value for name, value in (os.environ if environment is None else environment).items() if value}
        cache_home = Path(given.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        return cls(
            runs=Path(given.get("KERNELEVO_RUNS", "runs")),
            cache=Path(given.get("KERNELEVO_CACHE", cache_home / "kernelevo")),
            device=given.get("KERNELEVO_DEVICE"),
            harness=Path(given["KERNELEVO_HARNESS"]) if "KERNELEVO_HARNESS" in given else None,
            plain="CI" in given,
            trust=given.get("KERNELEVO_TRUST", ""),
            data=Path(given["KERNELEVO_DATA"]) if "KERNELEVO_DATA" in given else None,
            second=Path(given["KERNELEVO_SCRNA_SECOND"]) if "KERNELEVO_SCRNA_SECOND" in given else None,
            source=Path(given["KERNELEVO_SCRNA_SOURCE"]) if "KERNELEVO_SCRNA_SOURCE" in given else None,
            statutes=Path(given["KERNELEVO_LEGAL_STATUTES"]) if "KERNELEVO_LEGAL_STATUTES" in given else None,
            texts=Path(given["KERNELEVO_LEGAL_TEXTS"]) if "KERNELEVO_LEGAL_TEXTS" in given else None,
        )

    def with_data(self, asked: str | None) -> Settings:
        """The same with this file as the user's data; None leaves what there is."""
        return self if asked is None else replace(self, data=Path(asked))

    def with_metric(self, asked: str | None) -> Settings:
        """The same with this metric; None leaves what there is."""
        return self if asked is None else replace(self, metric=asked)

    def choose_device(self, asked: str | None) -> tuple[str, str]:
        """The device's name and why it is this one: nothing is chosen in silence."""
        if asked is not None:
            return asked, "given by --device"
        if self.device:
            return self.device, "given by KERNELEVO_DEVICE"
        return DEFAULT_DEVICE, "the default, needs no GPU; choose another with --device"

    def choose_harness(self, installed: Path) -> tuple[Path, str]:
        """The folder of the harness (rule settings and the like) and why it is this one."""
        if self.harness is not None:
            return self.harness, "given by KERNELEVO_HARNESS"
        if HARNESS.is_dir():
            return HARNESS, "in this folder"
        return installed, "the installed default; `kernelevo init` makes a copy to change"


@dataclass(frozen=True)
class Limits:
    """What a search may use.

    `evaluations` counts every judgement, `seconds` is wall time, `patience` the number of candidates in a row that
    bring nothing better, `finalists` how many are judged again with full checks, `round` how many are proposed before
    the next look at the archive (it does not depend on the number of workers, so that the search does not either).
    """

    evaluations: int = 80
    seconds: float = 45.0
    patience: int = 40
    finalists: int = 3
    round: int = 8

    SMALLEST = 5
    """Start and one change, each judged twice, in the search and with full checks, and the best of them anew."""

    def __post_init__(self) -> None:
        if self.evaluations < self.SMALLEST:
            raise BadInput(
                f"--evaluations {self.evaluations} is too few: the start and one change are each judged twice, "
                f"and the best of them once more, so give at least {self.SMALLEST}"
            )
        if not self.seconds > 0:
            raise BadInput(f"--seconds {self.seconds:g} leaves no time; give a positive number")
        for name in ("patience", "finalists", "round"):
            if getattr(self, name) < 1:
                raise BadInput(f"--{name} {getattr(self, name)} leaves nothing to try; give at least 1")


MODEL_KINDS = ("openai", "vllm", "hf", "scripted", "tiny")
_MODEL_FORMS = "openai:NAME, vllm:NAME, hf:FOLDER, scripted:FILE or tiny"
EMBEDDED = "tiny"
"""The model that is part of the package: it has no name beside its kind, no server and no key, and costs nothing."""
DEFAULT_KEY_VARIABLE = "OPENAI_API_KEY"
MODEL_SECONDS = 600.0
"""Of a search in which a model proposes, unless other limits are given: a reply takes longer than an evaluation."""


@dataclass(frozen=True)
class ModelRequest:
    """Which model proposes: `name` is `openai:NAME`, `vllm:NAME`, `hf:FOLDER`, `scripted:FILE` or `tiny`, the embedded
    one. `price` is money per million tokens of prompt and completion; `max_tokens` and `max_cost` bound the whole run
    and `call_seconds` one call. `adapter` is the folder of a LoRA adapter, as the server sees it. With `alone` nothing
    else proposes.
    """

    name: str
    base_url: str | None = None
    key_variable: str | None = None
    price: tuple[float, float] | None = None
    max_tokens: int = 200_000
    max_cost: float | None = None
    call_seconds: float = 120.0
    adapter: str | None = None
    alone: bool = False

    def __post_init__(self) -> None:
        if self.kind not in MODEL_KINDS or bool(self.model) == (self.kind == EMBEDDED) or not self.name.isprintable():
            raise BadInput(f"--model {self.name!r} names no model; write {_MODEL_FORMS}")
        if self.kind == "vllm" and self.base_url is None:
            raise BadInput(f"--model {self.name} needs the server's --base-url, such as http://localhost:8000/v1")
        if self.base_url is not None and not self.base_url.strip():
            raise BadInput("--base-url is empty; give the server's address, or leave it out for OpenAI's own")
        if self.base_url is not None and "@" in self.base_url:
            raise BadInput("--base-url would be recorded with the password in it; put the key in a variable instead")
        if self.kind in ("scripted", "hf") and (self.base_url or self.key_variable):
            what = "a script is a file" if self.kind == "scripted" else "a local model is a folder"
            raise BadInput(f"{what}; --base-url and --key-variable belong to a model behind a server")
        if self.kind == EMBEDDED and (self.base_url or self.key_variable or self.price):
            raise BadInput("the embedded model is no server; leave --base-url, --key-variable and --price out")
        if self.adapter is not None and self.kind not in ("vllm", "hf", EMBEDDED):
            raise BadInput(
                "--adapter goes with --model vllm:NAME, whose server loads it, with hf:FOLDER or with --model tiny"
            )
        if self.max_tokens < 1:
            raise BadInput(f"--max-tokens {self.max_tokens} leaves nothing to ask for; give a positive number")
        if not self.call_seconds > 0:
            raise BadInput(f"--call-seconds {self.call_seconds:g} leaves no time; give a positive number")
        if self.price is not None and not all(0 <= each < float("inf") for each in self.price):
            raise BadInput("--price takes two numbers, of the prompt and of the completion; neither may be negative")
        if self.max_cost is not None and not self.max_cost >= 0:
            raise BadInput(f"--max-cost {self.max_cost:g} is negative; give what may be spent")
        if self.max_cost is not None and self.price is None:
            raise BadInput("--max-cost needs --price IN OUT: without it nobody knows what a reply costs")

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    @property
    def model(self) -> str:
        """What the server calls it, or the file or folder."""
        return self.name.partition(":")[2]

    @property
    def shown(self) -> str:
        """How it is called in what is told and recorded of a candidate: without the folders of a file or folder."""
        local = self.kind in ("scripted", "hf")
        return f"{self.kind}:{Path(self.model).resolve().name}" if local else self.name

    def key(self, environment: Mapping[str, str] | None = None) -> str:
        """The key, from its variable; it is kept in no record. Servers other than OpenAI's own may need none. Raises
        BadInput where one is missing.
        """
        variable = self.key_variable or DEFAULT_KEY_VARIABLE
        found = (os.environ if environment is None else environment).get(variable, "").strip()
        if not found and (self.key_variable is not None or self.base_url is None):
            raise BadInput(f"{variable} is not set; put the key there, or name another variable with --key-variable")
        if not (found.isascii() and found.isprintable()):
            raise BadInput(f"{variable} holds what no key has: a line's end or a character beyond ASCII; set it anew")
        return found or "none"


@dataclass(frozen=True)
class Request:
    """What the user asked of one kernel file: the file, its problem, the device and what is passed on to the
    compiler. With `inputs` (which distribution of every input) one trial on the one case comes first, drawn from
    `seed`, with each pointer moved by as many bytes as `offsets` say.
    """

    kernel: Path
    problem: Path | None = None
    device: str = DEFAULT_DEVICE
    compiler: str = "nvrtc"
    driver: str = "cupy"
    cases: tuple[str, ...] = ()
    include_folders: tuple[str, ...] = ()
    defines: Mapping[str, str] = field(default_factory=dict)
    standard: str | None = None
    seed: int | None = None
    unsafe: bool = False
    workers: int = 1
    sample: int | None = None
    inputs: int | None = None
    offsets: Mapping[str, int] = field(default_factory=dict)
    times_from: str = "machine-code"
    model: ModelRequest | None = None

    def __post_init__(self) -> None:
        if self.times_from not in TIMES_FROM:
            raise BadInput(f"times cannot come from {self.times_from!r}; choose one of {', '.join(TIMES_FROM)}")
        if self.offsets and self.inputs is None:
            raise BadInput("--offset moves pointers in the trial that --inputs asks for; give --inputs N, too")
        if self.inputs is not None and (len(self.cases) != 1 or self.seed is None):
            raise BadInput("--inputs asks for one trial, so give its sizes with one --case, and its --seed")
        if self.inputs is not None and self.inputs < 0:
            raise BadInput(f"--inputs {self.inputs} is negative; give 0 for the first distribution, or more")
        if self.sample is not None and self.sample < 1:
            raise BadInput(f"--sample {self.sample} leaves no block to watch; give at least 1")
        if self.workers < 1:
            raise BadInput(f"--workers {self.workers} leaves nobody to work; give at least 1")
        if self.workers > MOST_WORKERS:
            raise BadInput(f"--workers {self.workers} is more than {MOST_WORKERS}; give about one for each core")
        if self.compiler not in COMPILERS:
            raise BadInput(f"there is no compiler {self.compiler!r}; choose one of {', '.join(COMPILERS)}")
        if self.driver not in CARD_DRIVERS:
            raise BadInput(f"there is no driver {self.driver!r}; choose one of {', '.join(CARD_DRIVERS)}")
        if self.standard is not None and self.standard not in STANDARDS:
            raise BadInput(f"there is no C++ standard {self.standard!r}; choose one of {', '.join(STANDARDS)}")
        if self.seed is not None and self.seed < 0:
            raise BadInput(f"--seed {self.seed} is negative; give 0 or more")
        for name, value in self.defines.items():
            _require_macro(name, value)

    @property
    def compiler_options(self) -> tuple[str, ...]:
        """The user's -D and -std, as the compiler takes them."""
        defines = tuple(f"-D{name}={value}" if value else f"-D{name}" for name, value in self.defines.items())
        return (*defines, f"-std={self.standard}") if self.standard else defines


def _require_macro(name: str, value: str) -> None:
    """Raises BadInput for what would be an error of the candidate's, or cut off, if a compiler were given it."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise BadInput(f"{name!a} is no macro name; give one of letters, digits and _")
    if re.search("[\0\n\ud800-\udfff]", value):
        raise BadInput(f"the macro {name} cannot be {value!a}: no line of a program holds that")


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0))
