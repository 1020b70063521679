"""Which adapters answer now: those that came with rilearn, with the promoted version in the place of the one it beat.

The database says what was promoted. Where nothing can have been promoted it is not even opened.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rilearn.adapters import Adapter
from rilearn.errors import AdapterError, RilearnError, in_words
from rilearn.gate import ROLES, Role
from rilearn.kept import KINDS, find, first_choice, kept_at, shipped
from rilearn.settings import Settings
from rilearn.store.handle import Store

Warm = Callable[[Adapter], object]
"""Makes the engine ready for an adapter; raises what goes wrong."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Now:
    """The adapters of one moment, by name; nothing in it changes.

    `classifiers` are those of the task. Where a version was promoted it has the name of the shipped adapter whose
    place it took; what it replaced and what came first are `older`, named "<name> v<number>". `current` is the name in
    use for each role, `problems` say what is left out.
    """

    classifiers: Mapping[str, Adapter] = field(default_factory=dict)
    generators: Mapping[str, Adapter] = field(default_factory=dict)
    current: Mapping[Role, str] = field(default_factory=dict)
    older: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    @property
    def in_use(self) -> list[Adapter]:
        """The classifiers but for the older ones."""
        return [adapter for name, adapter in self.classifiers.items() if name not in self.older]


@dataclass(frozen=True)
class Promoted:
    """What the database says: for each role the digests from what came first to what is in use, the versions' numbers,
    and the id of the newest promotion."""

    lines: Mapping[Role, Sequence[str]] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    newest: int = 0


class Models:
    """Holds the adapters of now and takes up promotions. Thread-safe; reads the shipped ones, `came`, when made."""

    def __init__(self, settings: Settings, store: Store):
        self._settings, self._store = settings, store
        self.came, self._left_out = shipped(settings)
        self._seen = Promoted()
        self._refused: dict[str, str] = {}
        self._turn = threading.Lock()
        self._told = ""
        self.now = self._arranged()

    @property
    def any_kept(self) -> bool:
        """Whether the state folder holds promoted versions: without, nothing was promoted on this machine."""
        return kept_at(self._settings, "").is_dir()

    def current(self, role: Role) -> Adapter | None:
        """The adapter that has the role."""
        now = self.now
        return {**now.classifiers, **now.generators}.get(now.current.get(role, ""))

    def refresh(self, warm: Warm | None = None) -> None:
        """Take up what was promoted or rolled back since, if anything; requests in flight keep the adapter they have.

        A database that cannot be read leaves everything as it is.

        Args:
            warm: called with a promoted classifier before it takes over; one that it refuses is left out.
        """
        with self._turn:
            try:
                found = self._asked()
                if found is None:
                    return
                if found.newest != self._seen.newest:
                    self._refused.clear()
                self._seen = found
                self._take_up(warm)
                self._told = ""
            except RilearnError as error:
                if str(error) != self._told:  # once, and not every few seconds
                    log.warning("promotions cannot be read: %s", error)
                self._told = str(error)

    def forgive(self) -> None:
        """Give versions that the engine refused another chance."""
        with self._turn:
            self._refused.clear()
            self.now = self._arranged()

    def refuse(self, reason: str) -> bool:
        """The engine does not start with the promoted classifiers: leave them out until something else is promoted.

        Returns:
            Whether there are any.
        """
        with self._turn:
            came = {adapter.ref.digest for adapter in self.came}
            bad = {a.ref.digest for a in self.now.classifiers.values() if a.ref.digest not in came}
            self._refused |= dict.fromkeys(bad, reason)
            self.now = self._arranged()
        return bool(bad)

    def _asked(self) -> Promoted | None:
        """What the database says, if that is news."""
        # PostgreSQL may tell of versions that another machine has: then this one says that their files are not here.
        if not self.any_kept and not self._settings.database_url and not self._store.opened:
            return None
        from rilearn.store.promotions import Promotions, line
        from rilearn.store.versions import Versions

        promotions = Promotions(self._store.database)
        newest = promotions.newest()
        broken = len(self.now.problems) > len(self._left_out)  # files may have been brought back
        if newest == self._seen.newest and not broken:
            return None
        task = self._settings.task
        lines = {role: line(promotions.history(task, role)[::-1]) for role in ROLES}
        return Promoted(lines, {v.digest: v.number for v in Versions(self._store.database).all()}, newest)

    def _take_up(self, warm: Warm | None) -> None:
        before = {adapter.ref.digest for adapter in self.now.classifiers.values()}
        made = self._arranged()
        for name, adapter in made.classifiers.items():
            if warm is None or name in made.older or adapter.ref.digest in before:
                continue
            try:
                warm(adapter)
            except Exception as error:
                self._refused[adapter.ref.digest] = in_words(error)
                made = self._arranged()
        if (names := _listed(made)) != _listed(self.now):
            log.info("models now: %s", names)
        self.now = made

    def _arranged(self) -> Now:
        task, problems = self._settings.task, list(self._left_out)
        generators = {a.name: a for a in self.came if a.manifest.kind == "generator"}
        classifiers = {a.name: a for a in self.came if a.manifest.kind != "generator" and a.manifest.task == task}
        current: dict[Role, str] = {}
        older: set[str] = set()
        for role in ROLES:
            here = generators if KINDS[role] == "generator" else classifiers
            first = first_choice(self.came, role, task)
            name = first.name if first else role
            try:
                placed = self._placed(role, name, first.ref.digest if first else "")
            except AdapterError as error:
                problems.append(
                    f"the promoted version of {name}: {error} The one that came with rilearn is used instead. An "
                    "admin can roll back or promote its folder again."
                )
            else:
                older |= set(placed) - {name}
                rest = {n: adapter for n, adapter in here.items() if n not in placed}
                here.clear()
                here |= placed | rest
            if name in here:
                current[role] = name
        return Now(classifiers, generators, current, frozenset(older), tuple(problems))

    def _placed(self, role: Role, name: str, first: str) -> dict[str, Adapter]:
        """The promoted adapter under `name`, then those before it; nothing where the first one is in use.

        Raises:
            AdapterError: the promoted one cannot be used.
        """
        line = self._seen.lines.get(role, ())
        if len(line) < 2 or line[-1] == first:
            return {}
        if line[-1] in self._refused:
            raise AdapterError(self._refused[line[-1]])
        placed = {name: _named(find(self._settings, role, line[-1], self.came), name)}
        for digest in dict.fromkeys((line[-2], line[0])):
            try:
                one = find(self._settings, role, digest, self.came)
            except AdapterError as error:
                log.info("an older version of %s cannot be compared with: %s", name, error)
                continue
            old = f"{name} v{self._seen.numbers[digest]}"
            placed[old] = _named(one, old)
        return placed


def _listed(now: Now) -> str:
    return ", ".join(f"{name} ({a.ref.digest[:8]})" for name, a in [*now.classifiers.items(), *now.generators.items()])


def _named(adapter: Adapter, name: str) -> Adapter:
    return replace(adapter, manifest=adapter.manifest.model_copy(update={"name": name}))
