"""The gate: may a newly trained model take the place of the one in use? Numbers in, a verdict in words out.

Nothing is measured here. `Evidence` comes from held-out texts, bounds from the settings (`RILEARN_GATE_*`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from rilearn.errors import InputError
from rilearn.settings import Settings
from rilearn.statistics import mcnemar_exact, paired_difference, wilson

Role = Literal["generator", "q-ra"]
ROLES: tuple[Role, ...] = get_args(Role)
"""What a model can be promoted to: the generator in use, or the classifier that reasons."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
NOT_MEASURED = "not measured"
_ROUNDING = 1e-9  # 0.1 + 0.02 is a little more than 0.12


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Duel(_Value):
    """Blind comparisons of the candidate's reasonings with those of the model in use, on the same texts."""

    wins: NonNegativeInt = 0
    losses: NonNegativeInt = 0
    ties: NonNegativeInt = 0

    @property
    def decided(self) -> int:
        """Comparisons that were no tie."""
        return self.wins + self.losses


class Paired(_Value):
    """Rows that two classifiers answered: how many both had right, one alone, or neither."""

    both: NonNegativeInt = 0
    only_candidate: NonNegativeInt = 0
    only_current: NonNegativeInt = 0
    neither: NonNegativeInt = 0

    @property
    def rows(self) -> int:
        return self.both + self.only_candidate + self.only_current + self.neither

    @property
    def difference(self) -> tuple[float, float, float]:
        """Accuracy of the candidate minus that in use, in points (-100 to 100), with its 95 % interval (Newcombe)."""
        counts = ((self.both, 1, 1), (self.only_candidate, 1, 0), (self.only_current, 0, 1), (self.neither, 0, 0))
        new = [bool(a) for n, a, _ in counts for _ in range(n)]
        old = [bool(b) for n, _, b in counts for _ in range(n)]
        _, low, high = paired_difference(new, old)
        return 100 * (self.only_candidate - self.only_current) / self.rows, 100 * low, 100 * high


class Evidence(_Value):
    """What was measured on held-out texts; None: it was not.

    `candidate` and `current` are the digests of the two adapters. `votes` are people's, `judge` is the automatic one.
    `classifier` compares the classifiers: trained through the two generators, or for "q-ra" the two themselves.
    Shares are of the candidate's reasonings: `parse_rate` could be read, `restatement` only repeat text or label,
    `grounded` name something in the text. `leak` is the accuracy of telling the label from the reasoning alone,
    `current_leak` the same for the model in use. `mean_words` is the mean length.
    """

    role: Role
    candidate: str = Field(min_length=1)
    current: str
    texts: NonNegativeInt = 0
    votes: Duel | None = None
    judge: Duel | None = None
    classifier: Paired | None = None
    parse_rate: Share | None = None
    mean_words: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    leak: Share | None = None
    current_leak: Share | None = None
    restatement: Share | None = None
    grounded: Share | None = None


class Thresholds(_Value):
    """The bounds; see `Settings` for what each means."""

    votes: int
    win_rate: float
    classifier: float
    classifier_required: bool
    parse_rate: float
    words: float
    restatement: float
    leak: float

    @classmethod
    def of(cls, settings: Settings) -> Thresholds:
        return cls(**{name: getattr(settings, f"gate_{name}") for name in cls.model_fields})


class Check(_Value):
    """One question of the gate. `value` is what counts (None: not measured), `bound` what it is held against (None:
    told for information, it decides nothing)."""

    name: str
    passed: bool
    value: float | None
    bound: float | None
    words: str


class Verdict(_Value):
    """Whether the candidate may take over, and why. `judged_by`: who compared the reasonings."""

    role: Role
    candidate: str
    current: str
    passed: bool
    judged_by: Literal["people", "judge", "nobody"]
    checks: tuple[Check, ...]
    evidence: Evidence

    @property
    def refusals(self) -> tuple[str, ...]:
        """The words of the checks that failed."""
        return tuple(check.words for check in self.checks if not check.passed)


def judge(evidence: Evidence, bounds: Thresholds) -> Verdict:
    """Hold the evidence against the bounds. What was not measured does not pass, unless the bounds say so."""
    people = evidence.votes is not None and evidence.votes.decided >= max(1, bounds.votes)
    automatic = evidence.judge is not None and evidence.judge.decided > 0
    checks = (_wins(evidence, bounds, people), _classifier(evidence, bounds), *_shape(evidence, bounds))
    return Verdict(
        role=evidence.role,
        candidate=evidence.candidate,
        current=evidence.current,
        passed=all(check.passed for check in checks),
        judged_by="people" if people else "judge" if automatic else "nobody",
        checks=checks,
        evidence=evidence,
    )


def read_evidence(path: Path) -> Evidence:
    """Evidence out of a JSON file.

    Raises:
        InputError: the file cannot be read or holds something else; the message names the key.
    """
    try:
        return Evidence.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"The evidence {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{path.name} holds no evidence of a gate: {where}: {first['msg']}.") from error


def _wins(evidence: Evidence, bounds: Thresholds, people: bool) -> Check:
    votes = evidence.votes or Duel()
    duel = votes if people else evidence.judge or Duel()
    by = (
        "Judged by people, blind"
        if people
        else f"Judged by the automatic judge, since people cast {votes.decided} of the {bounds.votes} votes needed"
    )
    if not duel.decided:
        said = f"{by}: its reasonings against the current ones: {NOT_MEASURED}."
        return Check(name="wins", passed=False, value=None, bound=bounds.win_rate, words=said)
    low, high = wilson(duel.wins, duel.decided)
    said = (
        f"{by}: its reasonings won {duel.wins} and lost {duel.losses} ({duel.ties} ties): "
        f"{duel.wins / duel.decided:.0%} (95 % interval {low:.0%} to {high:.0%}). The interval must begin above "
        f"{bounds.win_rate:.0%}."
    )
    return Check(name="wins", passed=low > bounds.win_rate, value=low, bound=bounds.win_rate, words=said)


def _classifier(evidence: Evidence, bounds: Thresholds) -> Check:
    paired, bound = evidence.classifier, -bounds.classifier
    if paired is None or not paired.rows:
        required = bounds.classifier_required or evidence.role == "q-ra"
        aside = "" if required else " The settings let a generator pass without (RILEARN_GATE_CLASSIFIER_REQUIRED=0)."
        said = f"Accuracy of the classifier against the current one: {NOT_MEASURED}.{aside}"
        return Check(name="classifier", passed=not required, value=None, bound=bound, words=said)
    found, low, high = paired.difference
    p = mcnemar_exact(paired.only_candidate, paired.only_current)
    worse = found < 0 and p < 0.05
    said = (
        f"Accuracy of the classifier against the current one on {paired.rows} texts: {found:+.1f} points "
        f"(95 % interval {low:+.1f} to {high:+.1f}; McNemar's exact p = {p:.2g}). It may lose {bounds.classifier:.1f} "
        f"points at most, and not significantly."
    )
    return Check(name="classifier", passed=found >= bound and not worse, value=found, bound=bound, words=said)


def _shape(evidence: Evidence, bounds: Thresholds) -> Iterator[Check]:
    """What the candidate's reasonings look like."""
    leak = evidence.leak if evidence.current_leak is not None else None
    most_leak = (evidence.current_leak or 0.0) + bounds.leak
    asked = (
        ("parses", evidence.parse_rate, bounds.parse_rate, True, "Answers that can be read", "at least", ".1%"),
        ("length", evidence.mean_words, bounds.words, False, "Mean length in words", "at most", ".1f"),
        ("restatement", evidence.restatement, bounds.restatement, False, "Mere restatements", "at most", ".1%"),
        ("leak", leak, most_leak, False, "Labels told from the reasoning alone", "at most", ".1%"),
    )
    for name, value, bound, least, what, limit, how in asked:
        over_bound = None if value is None else value - bound if least else bound - value
        passed = over_bound is not None and over_bound > -_ROUNDING
        held = f"{NOT_MEASURED}" if value is None else f"{value:{how}}"
        over = "" if name == "leak" and leak is None else f"; {limit} {bound:{how}}"
        yield Check(name=name, passed=passed, value=value, bound=bound, words=f"{what}: {held}{over}.")
    named = NOT_MEASURED if evidence.grounded is None else f"{evidence.grounded:.1%}"
    said = f"Reasonings that name something in the text: {named} (for information)."
    yield Check(name="grounded", passed=True, value=evidence.grounded, bound=None, words=said)
