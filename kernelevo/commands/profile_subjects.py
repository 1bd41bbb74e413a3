"""What `profile` shows of a judged kernel: joins its verdict with what its plan, its problem and its card say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import kernelevo
from kernelevo.diagnosis.access import SECTOR, WAVEFRONT
from kernelevo.diagnosis.subject import Card, Profile, Resources, Subject
from kernelevo.run import Judged
from kernelevo.types import BufferArgument, CaseResult, Clear, ScalarArgument, StepReport, Verdict

if TYPE_CHECKING:
    from kernelevo.evaluators.schedule import LaunchStep

TENSOR_FLOP = 2 * 16 * 8 * 16
"""Of one matrix instruction of the size that the rates of the card's table are for: m16n8k16."""
_NEEDED = {"sms", "warp", "threads_per_block", "shared_bytes_per_block"}


def profile_of(judged: Judged) -> Profile:
    """Everything that a report of this kernel says."""
    card = card_of(judged.verdict.device)
    cases = {case.name: tuple(_subjects(judged, case, card)) for case in judged.verdict.cases}
    return Profile(
        str(judged.task.kernel),
        judged.task.text,
        judged.verdict,
        judged.floors,
        cases,
        judged.band,
        _made(judged, card),
    )


def card_of(device: str) -> Card | None:
    """What is known of the card that a virtual device stands for; None of any other device."""
    from kernelevo.devices import gpus
    from kernelevo.devices.occupancy import occupancy
    from kernelevo.devices.virtual import PREFIX

    name = device.removeprefix(PREFIX)
    if name == device or name not in gpus.names():
        return None
    gpu = gpus.gpu(name)
    clocks = gpu.sms * gpu.cycles_per_us
    rates = {unit: rate * clocks for unit, rate in gpu.rates.items()}

    def blocks_per_sm(threads: int, registers: int, shared_bytes: int) -> int:
        try:
            return occupancy(gpu, threads, registers, shared_bytes).blocks_per_sm
        except ValueError:
            return 0

    return Card(
        gpu.title, gpu.sms, gpu.warps_per_sm, gpu.launch_us,
        {"L1": rates["sectors"] * SECTOR, "shared memory": rates["wavefronts"] * WAVEFRONT,
         "L2": gpu.l2_gbps * 1e3, "DRAM": gpu.dram_gbps * gpu.dram_efficiency * 1e3},
        # A fused multiply-add is two FLOP of each lane; FP16 units do two elements at a time.
        {"FP32": rates["fp32"] * 64, "FP64": rates["fp64"] * 64, "FP16": rates["fp16"] * 128,
         "tensor": rates["matrix"] * TENSOR_FLOP},
        rates["issue"], blocks_per_sm,
    )  # fmt: skip


def _subjects(judged: Judged, case: CaseResult, card: Card | None) -> Iterator[Subject]:
    """One for each step of the case, in order."""
    planned, sizes = _planned(judged, case)
    least = judged.task.problem.least_bytes(case.dims) if len(case.steps) == 1 else 0
    touched: set[str] = set()
    for place, step in enumerate(case.steps):
        done = planned[place] if len(planned) == len(case.steps) else None
        launch = None if isinstance(done, Clear) else done
        given = _buffers(done)
        kernel = _kernel(judged.verdict.image, step)
        yield Subject(
            step, str(kernel.get("name", step.kernel)), judged.task.file_name, case.dims,
            _resources(kernel, launch), _arguments(launch), card, least,
            sum(sizes.get(buffer, 0) for buffer in given), bool(given & touched) or (place > 0 and done is None),
            _tile(judged, launch),
        )  # fmt: skip
        touched |= given


def _planned(judged: Judged, case: CaseResult) -> tuple[Sequence[LaunchStep | Clear], Mapping[str, int]]:
    """The plan's steps on this case, with sizes and arguments, and the bytes of every buffer; nothing where the device
    does not say what a plan needs.
    """
    from kernelevo.evaluators.schedule import schedule

    task = judged.task
    of_case = next((each for each in task.problem.benchmarks if each.name == case.name), None)
    if of_case is None or not judged.properties.keys() >= _NEEDED:
        return (), {}
    plan = task.language.read_plan(task.text, task.file_name, {})
    found = schedule(plan, task.problem, of_case, judged.properties)
    sizes = {tensor.name: tensor.nbytes(of_case.dims) for tensor in task.problem.tensors}
    return found.steps, sizes | {temp.name: temp.bytes for temp in found.temps}


def _buffers(step: LaunchStep | Clear | None) -> set[str]:
    """Those that a step is given."""
    if step is None:
        return set()
    if isinstance(step, Clear):
        return {step.buffer}
    return {argument.buffer for argument in step.arguments if isinstance(argument, BufferArgument)}


def _tile(judged: Judged, launch: LaunchStep | None) -> int:
    """Of a Triton kernel, how many elements its largest tile holds at most; 0 if that is not known."""
    from kernelevo.kernel.languages import TRITON
    from kernelevo.kernel.triton_instance import read_instance
    from kernelevo.kernel.triton_tiles import largest_tile

    if launch is None or judged.task.language is not TRITON:
        return 0
    return largest_tile(judged.task.text, read_instance(launch.kernel))


def _kernel(image: Mapping[str, Any], step: StepReport) -> Mapping[str, Any]:
    kernels: tuple[Mapping[str, Any], ...] = image.get("kernels", ())
    return next((kernel for kernel in kernels if kernel.get("symbol") == step.kernel), {})


def _resources(kernel: Mapping[str, Any], launch: LaunchStep | None) -> Resources | None:
    if not kernel:
        return None
    shared = kernel["static_shared_bytes"] + kernel.get("dynamic_shared_bytes", 0)
    return Resources(kernel["registers"], shared + (launch.shared_bytes if launch else 0), kernel["spill_bytes"])


def _arguments(launch: LaunchStep | None) -> tuple[int | float | None, ...]:
    given = launch.arguments if launch else ()
    return tuple(value.value if isinstance(value, ScalarArgument) else None for value in given)


def _counted(verdict: Verdict, how: str) -> str:
    if how != "modelled":
        return "as the device gave them"
    exact = "exact, of the PTX as the virtual GPU executed it"
    sampled = any("sampled" in step.details for case in verdict.cases for step in case.steps)
    return f"{exact}; of L1, L2, DRAM and chains estimates from a sample of blocks" if sampled else exact


def _made(judged: Judged, card: Card | None) -> dict[str, str]:
    """What the figures come from, as label and value."""
    verdict, task = judged.verdict, judged.task
    how = verdict.score.how if verdict.score else ""
    made = {
        "problem": task.name,
        "source": f"sha256 {hashlib.sha256(task.text.encode()).hexdigest()[:16]}",
        "device": f"{verdict.device}{f' ({card.title})' if card else ''}",
        "times": f"{how}; two kernels within {judged.band:.0%} are not told apart",
        "counts": _counted(verdict, how),
        "compiler": f"{verdict.image.get('compiler', 'unknown')} for {verdict.image.get('arch', 'unknown')}",
        "made by": f"kernelevo {kernelevo.__version__}",
    }
    return {label: value for label, value in made.items() if value}
