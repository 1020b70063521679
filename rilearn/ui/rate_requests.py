"""What the Rate tab's page may send, field by field; anything else is refused before a handler sees it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from rilearn.records import Rating, Span, Verdict

Id = Annotated[int, Field(ge=1, lt=2**31)]
Token = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
Words = Annotated[str, Field(max_length=20_000)]


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Nothing(Sent):
    pass


class SignIn(Sent):
    name: str
    passphrase: str


class Join(Sent):
    name: str
    passphrase: str
    invitation: str = ""


class Next(Sent):
    """`blind` is the annotator's wish; None: as the project has it."""

    token: Token
    have: list[Id] = Field(default=[], max_length=20)
    blind: bool | None = None


class Leases(Sent):
    tokens: list[Token] = Field(max_length=20)


class Item(Sent):
    reasoning_id: Id


class Mark(Sent):
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    note: str = ""


class Content(Sent):
    """What is entered on a card, without the verdict; the guess is the server's to keep."""

    overall: int | None = None
    criteria: dict[str, bool] = Field(default={}, max_length=20)
    thumbs: list[int] = Field(default=[], max_length=500)
    spans: list[Mark] = Field(default=[], max_length=200)
    comment: Words = ""
    label_wrong: bool = False
    right_label: str | None = None
    edit: Words | None = None

    def rating(self, verdict: Verdict) -> Rating:
        return Rating(
            verdict=verdict,
            overall=self.overall,
            criteria=self.criteria,
            thumbs=tuple(self.thumbs),
            spans=tuple(Span(mark.start, mark.end, mark.note) for mark in self.spans),
            comment=self.comment,
            label_wrong=self.label_wrong,
            right_label=self.right_label,
        )


class Draft(Item):
    content: Content


class Guess(Item):
    label: str


class Rate(Item):
    token: Token
    verdict: Verdict
    content: Content
    guideline: str = Field(pattern=r"^\d{1,9}$")
    seconds: float


class Skip(Item):
    token: Token
    kind: Literal["skip", "harmful", "private"]
    reason: str = ""


class Undo(Sent):
    token: Token


class Edited(Item):
    text: Words


class Page(Sent):
    before: Id | None = None


class Day(Sent):
    """`minutes`: how far the page's clock is behind UTC."""

    minutes: int = Field(ge=-900, le=900)


class GuidelineText(Sent):
    text: Words
    base: str = Field(pattern=r"^\d{1,9}$")


class ProjectOptions(Sent):
    blind: bool
    calibration: float
    feedback: bool
    order: Literal["oldest", "uncertain", "disagree", "quality", "spread", "mixed"]


class Invite(Sent):
    role: Literal["annotator", "admin"]
    uses: int
    days: int


class ChangePassphrase(Sent):
    """`old` is empty where there was none."""

    old: str
    new: str
    again: str


class Active(Sent):
    annotator_id: Id
    active: bool


class ResetPassphrase(Sent):
    annotator_id: Id
    passphrase: str


class FlagDecision(Item):
    token: Token
    decision: Literal["put back", "removed"]
    comment: Words = ""


class Fill(Sent):
    """`dry_run`: say what would become of it, and change nothing."""

    ratings: int = Field(ge=1, le=1000)
    everyone: float = Field(ge=0, le=1)
    dry_run: bool


class FillFile(Fill):
    name: str = Field(min_length=1, max_length=200)
    text: str


class FillWrite(Fill):
    generator: str = Field(max_length=200)
    source: Literal["dataset", "demo"]
    count: int
