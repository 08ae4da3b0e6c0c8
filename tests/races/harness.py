"""Running one race again and again: threads behind a barrier, each with a connection of its own."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from logging import ERROR, Handler, LogRecord, getLogger
from typing import Any

from django.db import Error, connection

from api import failpoints
from api.errors import Refusal
from tests.support.books import whole_book
from tests.support.provider import Provider

DEFAULT_ROUNDS = 3
UNGUARDED_ROUNDS = 20
START_SECONDS = 30
SHOWN = 5

Call = Callable[[], Any]
Guard = Callable[[], AbstractContextManager[Any]]
Problems = list[str]


def rounds() -> int:
    """How often each race is run: RACE_ROUNDS, by default a few."""
    return int(os.environ.get("RACE_ROUNDS") or DEFAULT_ROUNDS)


def is_counting() -> bool:
    """Whether figures are wanted; else one violation without the guard is enough."""
    return bool(os.environ.get("RACE_ROUNDS"))


@dataclass
class Result:
    """What `make races` prints of one race."""

    name: str
    guarded: bool
    rounds: int = 0
    violated: int = 0
    problems: Problems = field(default_factory=list)


RESULTS: list[Result] = []


class Crew:
    """Threads that start together; each keeps one connection, closed at the end."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._size = 0

    def run(self, calls: Sequence[Call]) -> list[Any]:
        """Run the calls at once; return their results, or the exceptions they raised."""
        if self._size < len(calls):
            self.close()
            self._size = len(calls)
            self._pool = ThreadPoolExecutor(self._size, thread_name_prefix="race")
        assert self._pool is not None
        start = threading.Barrier(len(calls))

        def go(call: Call) -> Any:
            # Connecting is slow, and would decide who is first.
            connection.ensure_connection()
            start.wait(START_SECONDS)
            try:
                return call()
            except Exception as error:
                return error

        return list(self._pool.map(go, calls))

    def close(self) -> None:
        """Close the connections and end the threads."""
        if self._pool is None:
            return
        together = threading.Barrier(self._size)

        def leave() -> None:
            together.wait(START_SECONDS)
            connection.close()

        for done in [self._pool.submit(leave) for _ in range(self._size)]:
            done.result()
        self._pool.shutdown()
        self._pool, self._size = None, 0


class Meeting:
    """Where threads wait for each other once in a round, but not for ever: a lock may be held."""

    def __init__(self, parties: int, seconds: float) -> None:
        self._parties, self._seconds = parties, seconds
        self._barrier: threading.Barrier | None = None

    def __call__(self) -> None:
        barrier = self._barrier
        if barrier is None:
            return
        try:
            barrier.wait(self._seconds)
        except threading.BrokenBarrierError:
            return
        self._barrier = None

    def arm(self) -> None:
        """Wait in the coming calls."""
        self._barrier = threading.Barrier(self._parties)

    def disarm(self) -> None:
        """Let everybody pass."""
        barrier, self._barrier = self._barrier, None
        if barrier is not None:
            barrier.abort()


class _Bugs(Handler):
    """Counts the unexpected exceptions that a view or a job logged."""

    def __init__(self) -> None:
        super().__init__(ERROR)
        self.seen: Problems = []

    def emit(self, record: LogRecord) -> None:
        self.seen.append("logged: " + record.getMessage().splitlines()[0])

    def take(self) -> Problems:
        seen, self.seen = self.seen, []
        return seen


class Race:
    """One race, with its guards or without the ones under test."""

    def __init__(self, *, guarded: bool, provider: Provider | None = None) -> None:
        self.guarded = guarded
        self.provider = provider
        self._crew = Crew()
        self._meetings: list[Meeting] = []
        self._bugs = _Bugs()

    def meeting(self, parties: int, seconds: float = 1.0) -> Meeting:
        """A meeting that is held in each `at_once`; not for long where a lock may be held."""
        meeting = Meeting(parties, seconds)
        self._meetings.append(meeting)
        return meeting

    def then(self, call: Call, meet: Call, *, after: Call | None = None) -> Call:
        """The call; without the guards also waiting until `after`, and waited for at its end."""
        if self.guarded:
            return call

        def both() -> Any:
            if after is not None:
                after()
            outcome = call()
            meet()
            return outcome

        return both

    def at_once(self, *calls: Call) -> list[Any]:
        """Run the calls at the same moment; return results or exceptions, in their order."""
        for meeting in self._meetings:
            meeting.arm()
        try:
            return self._crew.run(calls)
        finally:
            for meeting in self._meetings:
                meeting.disarm()

    def run(
        self, name: str, play: Callable[[], Problems], *without: Guard, at_most: int = 10**6
    ) -> None:
        """Play the rounds; assert that no rule is broken, or with the guards taken away, one is.

        `play` makes fresh rows, races over them and returns which rules it found broken.
        """
        # Without its guard a race goes on until it breaks something.
        many = min(rounds(), at_most) if self.guarded else min(at_most, UNGUARDED_ROUNDS)
        result = Result(name, self.guarded)
        RESULTS.append(result)
        with ExitStack() as stack:
            stack.enter_context(self._listening())
            if not self.guarded:
                for guard in without:
                    stack.enter_context(guard())
            stack.callback(self._crew.close)
            for _ in range(many):
                self._note(result, self._round(play))
                if result.violated and not self.guarded and not is_counting():
                    break
        if not self.guarded:
            assert result.violated, f"{name}: nothing breaks without the guard"
            return
        self._note(result, whole_book(self.provider))
        result.rounds = many
        assert not result.violated, "\n".join(result.problems)

    def _round(self, play: Callable[[], Problems]) -> Problems:
        try:
            found = play()
        except (Error, Refusal) as error:
            if self.guarded:
                raise
            found = [f"raised {type(error).__name__}"]
        return found + self._bugs.take()

    def _note(self, result: Result, problems: Problems) -> None:
        result.rounds += 1
        result.violated += bool(problems)
        result.problems += problems[: max(0, SHOWN * 4 - len(result.problems))]

    @contextmanager
    def _listening(self) -> Iterator[None]:
        logger = getLogger("feiqingsong.errors")
        logger.addHandler(self._bugs)
        try:
            yield
        finally:
            logger.removeHandler(self._bugs)


@contextmanager
def at_point(name: str, hook: Call) -> Iterator[None]:
    """Do something at a failpoint, the first time it is reached."""
    once = threading.Lock()

    def first() -> None:
        if once.acquire(blocking=False):
            hook()

    failpoints.hooks[name] = first
    try:
        yield
    finally:
        failpoints.hooks.pop(name, None)


def code(outcome: Any) -> str:
    """One word for an answer: ok, the refusal's number, the HTTP status, or the exception."""
    if isinstance(outcome, BaseException):
        return f"!{type(outcome).__name__}"
    status = getattr(outcome, "status_code", 200)
    if status < 300:
        return "ok"
    refusal = outcome.json().get("status") if status in (400, 503) else None
    return str(refusal if isinstance(refusal, int) else status)


def codes(outcomes: Sequence[Any]) -> list[str]:
    """Those words, sorted."""
    return sorted(map(code, outcomes))


def wrong(**facts: tuple[Any, Any]) -> Problems:
    """The facts `name=(found, wanted)` that are not as wanted."""
    return [
        f"{name}: {found!r}, not {wanted!r}"
        for name, (found, wanted) in facts.items()
        if found != wanted
    ]


def times(count: int, call: Callable[..., Any], *args: Any) -> list[Call]:
    """The same call so many times."""
    return [partial(call, *args) for _ in range(count)]
