"""Sessions of scrna and legal judge a program by the draws and the rules of pipelines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")

from python_programs.texts import CENTROIDS, FLAT, THIN_SVD

from kernelevo.backends.legal.backend import ChargeBackend
from kernelevo.backends.legal.data import sample
from kernelevo.backends.legal.scoring import report
from kernelevo.backends.legal.session import PARTS
from kernelevo.backends.networks import Shelf
from kernelevo.backends.programs import ProgramSession, hidden_seed, without_quotes
from kernelevo.backends.scrna.auditing import audit
from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import open_dataset
from kernelevo.backends.scrna.scoring import dense_rows, score_guarded
from kernelevo.decisions import STOP, DecisionSettings
from kernelevo.interfaces import ProgramCall, ProgramFailure
from kernelevo.learning import Split
from kernelevo.sandbox_programs import JailedPrograms
from kernelevo.sandbox_scripted import ScriptedPrograms
from kernelevo.types import Attempt, Candidate, Status, Verdict

SEED = 9


@pytest.fixture(scope="module")
def programs() -> Iterator[JailedPrograms]:
    found = JailedPrograms()
    yield found
    found.close()


@pytest.fixture(scope="module")
def denoising(programs: JailedPrograms) -> ProgramSession:
    return DenoisingBackend(open_dataset(None), programs=programs).open("reward-cells-0")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def charges(programs: JailedPrograms, shelf: Shelf) -> ProgramSession:
    return ChargeBackend(sample(), shelf, programs=programs).open("reward-cases-1")


def judged(session: ProgramSession, text: str, level: str = "judge", seed: int = SEED) -> Verdict:
    return getattr(session, level)(Candidate(text), seed)


def reward(session: ProgramSession, text: str, level: str = "judge") -> float:
    verdict = judged(session, text, level)
    assert verdict.status is Status.PASSED, verdict.feedback
    found = session.reward(verdict)
    assert found is not None
    return found


def test_good_programs_gain_over_the_start_by_both_verifiers(
    denoising: ProgramSession, charges: ProgramSession
) -> None:
    for level in ("judge", "audit"):
        assert reward(denoising, THIN_SVD, level) > 1.15 and reward(charges, CENTROIDS, level) > 1.3
        assert reward(denoising, THIN_SVD, level) > reward(denoising, FLAT, level)


def test_a_program_is_scored_on_the_draw_and_by_the_rule_of_pipelines(denoising: ProgramSession) -> None:
    """By the same program in this process, on the halves as they were drawn: a product of margins hangs on no order."""
    made: dict[str, object] = {}
    exec(FLAT, made)
    judged(denoising, FLAT)
    known = denoising._rewarding[SEED].reference
    flat = made["denoise"](known.train.toarray().astype(float), 0)
    wanted = score_guarded(known.train, known.test, dense_rows(flat))
    verdict = judged(denoising, FLAT)
    assert verdict.score is not None and verdict.score.value == pytest.approx(1.0 - wanted.guarded, abs=1e-12)
    judged(denoising, FLAT, "audit")
    drawn = denoising._auditing[SEED]
    made_anew = made["denoise"](drawn.own.reference.train.toarray().astype(float), 0)
    elsewhere = None
    if drawn.second is not None:
        other = drawn.second.reference
        elsewhere = (other, made["denoise"](other.train.toarray().astype(float), 0))
    audited = audit(drawn.own.reference, made_anew, drawn.structure, drawn.raw, elsewhere)
    assert judged(denoising, FLAT, "audit").score.value == pytest.approx(audited.loss, abs=1e-9)


def test_charges_are_scored_as_the_draw_has_them(charges: ProgramSession) -> None:
    made: dict[str, object] = {}
    exec(CENTROIDS, made)
    facts, labels, names = charges._told.facts, charges._told.labels, [str(number) for number in range(30)]
    for level, verifier in (("reward", "judge"), ("audit", "audit")):
        questions = list(charges._questions(level, SEED))
        cases = len(charges._asked.labels)  # an audit's questions are these cases by every telling
        wanted = report(charges._asked.labels, made["classify"](facts, labels, questions[:cases], names, 0))
        feedback = judged(charges, CENTROIDS, verifier).feedback
        share = "accuracy" if level == "reward" else "accuracy unchanged"
        assert f"{share} {wanted.accuracy:.4f}" in feedback and f"macro-F1 {wanted.macro_f1:.4f}" in feedback


def test_the_same_seed_gives_the_same_verdict_and_another_seed_another_draw(denoising: ProgramSession) -> None:
    first, again, other = (judged(denoising, THIN_SVD, seed=seed) for seed in (SEED, SEED, SEED + 1))
    assert first == again and first.score != other.score


def test_any_other_text_is_a_pipeline(denoising: ProgramSession) -> None:
    assert judged(denoising, "weigh low_rank = 1\n").status is Status.PASSED
    for text in ("print('no function')\n", "# def denoise(counts, seed):\n    def denoise(c): pass\n"):
        verdict = judged(denoising, text)
        assert verdict.status is Status.BUILD_ERROR and " is none of " in verdict.feedback


def test_faults_of_a_program_are_verdicts_without_a_score_and_worth_nothing(denoising: ProgramSession) -> None:
    for code, status in (
        ("return counts / 0 * 0", Status.WRONG), ("return counts[0]", Status.WRONG), ("1 / 0", Status.TRAPPED),
        ("return -counts", Status.WRONG), ("return counts * 0.0", Status.WRONG),
        ("return counts * 1e308", Status.WRONG), ("return counts * 1e-300", Status.WRONG),
    ):  # fmt: skip
        verdict = judged(denoising, f"def denoise(counts, seed):\n    {code}\n")
        assert verdict.status is status and verdict.feedback and denoising.reward(verdict) == 0.0, code


@pytest.mark.parametrize(
    ("made", "words"),
    [("-np.ones(shape)", "negative"), ("np.zeros(shape)", "all 0"), ("np.full(shape, 1e308)", "too small or large")],
)
def test_probabilities_that_are_none_are_wrong(charges: ProgramSession, made: str, words: str) -> None:
    code = f"shape = (len(questions), len(charges))\n    return {made}"
    verdict = judged(
        charges, f"import numpy as np\ndef classify(facts, labels, questions, charges, seed):\n    {code}\n"
    )
    assert verdict.status is Status.WRONG and words in verdict.feedback


def test_probabilities_are_rescaled(charges: ProgramSession) -> None:
    assert judged(charges, CENTROIDS.replace("return powers / powers.sum(axis=1, keepdims=True)", "return 7 * powers")
    ).feedback == judged(charges, CENTROIDS).feedback  # fmt: skip


def test_what_pays_on_the_published_metric_gains_nothing(denoising: ProgramSession) -> None:
    """Little mass, and all of it on one gene."""
    assert reward(denoising, "def denoise(counts, seed):\n    return counts * 1e-6\n") == pytest.approx(1.0, abs=1e-9)
    one_gene = "counts *= 0\n    counts[:, 0] = 1\n    return counts"
    assert reward(denoising, f"def denoise(counts, seed):\n    {one_gene}\n") < 1.0


def test_nothing_is_to_be_decided_about_a_program(denoising: ProgramSession) -> None:
    rules = DecisionSettings(dict.fromkeys(denoising.space.rules, 0.0))
    attempt = Attempt(Candidate(FLAT), judged(denoising, FLAT))
    observation = denoising.observe(attempt, rules)
    assert [option.decision for option in observation.options] == [STOP] and "guarded" not in observation.words
    start = Attempt(denoising.start, denoising.judge(denoising.start, SEED))
    decision = denoising.observe(start, rules).options[0].decision
    assert denoising.apply(attempt, decision) is None and denoising.apply(start, decision) is not None


def test_without_anybody_to_run_them_programs_are_not_supported() -> None:
    session = DenoisingBackend(open_dataset(None)).open("reward-cells-0")
    verdict = judged(session, FLAT)
    assert verdict.status is Status.UNSUPPORTED and session.reward(verdict) is None


def test_the_status_of_a_failure_is_the_verdicts() -> None:
    runner = ScriptedPrograms(lambda _: ProgramFailure(Status.TIMEOUT, "it was stopped: it did not end within 60 s"))
    verdict = judged(DenoisingBackend(open_dataset(None), programs=runner).open("gate-cells-2"), FLAT)
    assert verdict.status is Status.TIMEOUT and verdict.feedback == "it was stopped: it did not end within 60 s"


def test_what_is_asked_for_comes_in_another_order_each_draw_and_the_same_each_time(shelf: Shelf) -> None:
    runner = ScriptedPrograms(lambda call: np.ones(call.shape))
    session = ChargeBackend(sample(), shelf, programs=runner).open("reward-cases-0")
    for seed in (1, 1, 2):
        judged(session, CENTROIDS, seed=seed)
    calls = [runner.asked[start : start + PARTS] for start in range(0, 3 * PARTS, PARTS)]
    first, again, other = ([fact for call in each for fact in call.arguments[2]] for each in calls)
    assert first == again != other
    seeds = [each[0].seed for each in calls]
    assert seeds[0] == seeds[1] != seeds[2] and not {1, 2} & set(seeds)
    assert sorted(first) == sorted(session._asked.facts) and first != list(session._asked.facts)


def test_a_failure_does_not_quote_the_cases(charges: ProgramSession, programs: JailedPrograms) -> None:
    text = "def classify(facts, labels, questions, charges, seed):\n    {'a': 1}[questions[0] + facts[0][:30]]\n"
    feedback = judged(charges, text).feedback
    assert feedback == "it failed: line 2: KeyError: '[...]'"
    # The control: the runner itself tells it.
    told = programs.call(ProgramCall(text, "classify", [["甲乙丙丁" * 9], [0], ["戊己庚辛" * 9], ["x"]], 1, (1, 1)))
    assert "戊己庚辛" * 9 + "甲乙丙丁" in told.words
    assert without_quotes("KeyError: 'abc' in line 7", [["abc", "line 8"], "KeyError: 'abc'"]) == (
        "KeyError: 'abc' in line 7"
    )


def test_a_hidden_seed_hangs_on_every_part() -> None:
    parts = ("scrna", "reward", 3, np.array([1, 2]), np.array([3]))
    seeds = {hidden_seed(*parts), hidden_seed(*parts[:3], np.array([1]), np.array([2, 3]))}
    seeds |= {hidden_seed("scrna", "audit", *parts[2:]), hidden_seed("scrna", "reward", 4, *parts[3:])}
    assert len(seeds) == 4 and hidden_seed(*parts) == hidden_seed(*parts[:3], np.array([1, 2], np.int32), np.array([3]))


def test_closing_the_backend_closes_the_runner_and_may_be_done_twice(programs: JailedPrograms) -> None:
    own = JailedPrograms()
    backend = DenoisingBackend(open_dataset(None), programs=own)
    assert judged(backend.open(backend.tasks(Split.REWARD)[0]), FLAT).status is Status.PASSED
    backend.close()
    backend.close()
    assert own._wall is None


def test_the_words_name_the_function_what_it_is_given_and_every_setting(charges: ProgramSession) -> None:
    words = charges.program_words()
    assert words.startswith(charges.words()) and "`def classify(facts, labels, questions, charges, seed):`" in words
    assert all(f"{name} " in words for name in charges.space.choices) and "0, 1, 2, 4" in words
