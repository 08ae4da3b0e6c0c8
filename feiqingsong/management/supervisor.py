"""Keep a few child processes running until told to stop."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from feiqingsong.processes import die_with_parent

POLL_SECONDS = 0.2
STOP_SECONDS = 15
BACKOFF_SECONDS = (0.5, 1, 2, 4, 8)
# A child that died once more often than there are backoffs within this time is given up.
RESTART_WINDOW_SECONDS = 60


class GaveUp(Exception):
    """A child kept dying."""


@dataclass
class Child:
    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    deaths: deque[float] = field(default_factory=deque)
    start_at: float = 0.0

    def poll(self) -> int | None:
        return self.process.poll() if self.process else None


class Supervisor:
    """Starts children, restarts those that die, stops them all at the end; main thread only."""

    def __init__(
        self,
        environment: Mapping[str, str],
        report: Callable[[str], None],
        stop_with_parent: bool = False,
    ) -> None:
        self._environment = environment
        self._report = report
        self._parent = os.getppid() if stop_with_parent else None
        self._children: list[Child] = []
        self._told_to_stop = False

    def install_signal_handlers(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle_signal)

    def _handle_signal(self, _number: int, _frame: object) -> None:
        self._told_to_stop = True

    @property
    def stopping(self) -> bool:
        return self._told_to_stop or self._parent not in (None, os.getppid())

    def add(self, name: str, command: Sequence[str]) -> None:
        child = Child(name, command)
        self._children.append(child)
        self._start(child)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Watch the children until told to stop, or until `until` holds.

        Raises: GaveUp.
        """
        while not self.stopping and not until():
            for child in self._children:
                self._watch(child)
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop every child, the last one started first, and wait for them."""
        alive = [child for child in reversed(self._children) if child.poll() is None]
        processes = [child.process for child in alive if child.process]
        for process in processes:
            with suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes:
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(  # noqa: S603 (our own commands)
            child.command,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            preexec_fn=partial(_prepare_child, os.getpid()),
        )

    def _watch(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                self._start(child)
            return
        status = child.process.poll()
        if status is None:
            return
        child.process = None
        while child.deaths and child.deaths[0] < now - RESTART_WINDOW_SECONDS:
            child.deaths.popleft()
        if len(child.deaths) == len(BACKOFF_SECONDS):
            raise GaveUp(
                f"{child.name} 反复退出（状态 {status}），放弃 / it keeps ending, giving up"
            )
        child.start_at = now + BACKOFF_SECONDS[len(child.deaths)]
        child.deaths.append(now)
        self._report(f"{child.name} 退出（状态 {status}），重新启动 / it ended, restarting")


def _prepare_child(parent: int) -> None:
    # Ctrl-C reaches the whole terminal group, but stopping the children is the supervisor's work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(parent, signal.SIGTERM)
