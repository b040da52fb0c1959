"""CPU time by stage, for the benchmark: how many seconds of which stage a mail costs (DESIGN 8).

Off by default, when it costs one comparison a call. A metered coroutine counts only its own steps, so what other tasks
do while it waits is not charged to it, and a stage inside a stage is charged to the inner one.
"""

import functools
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

seconds: defaultdict[str, float] = defaultdict(float)
_inner: list[float] = []
_on = False


def switch_on() -> None:
    """Begin to count in this process."""
    global _on  # noqa: PLW0603 -- a measuring device of the process, never read by a decision
    _on = True


def add(stage: str, cpu_s: float) -> None:
    """Add CPU seconds measured elsewhere (a reader process) to a stage."""
    seconds[stage] += cpu_s


@contextmanager
def stage(name: str) -> Generator[None]:
    """Charge the synchronous work inside to a stage."""
    if not _on:
        yield
        return
    begun = time.thread_time()
    _inner.append(0.0)
    try:
        yield
    finally:
        spent = time.thread_time() - begun
        seconds[name] += spent - _inner.pop()
        if _inner:
            _inner[-1] += spent


def metered(name: str) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, Awaitable[R]]]:
    """Charge each step of a coroutine function to a stage."""

    def decorate(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
            coroutine = function(*args, **kwargs)
            return _Metered(name, coroutine) if _on else coroutine

        return wrapped

    return decorate


class _Metered(Awaitable[R]):
    def __init__(self, name: str, coroutine: Coroutine[Any, Any, R]) -> None:
        self._name = name
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, R]:
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                with stage(self._name):
                    waited_for = self._coroutine.throw(error) if error else self._coroutine.send(value)
            except StopIteration as done:
                result: R = done.value
                return result
            value, error = None, None
            try:
                value = yield waited_for
            except BaseException as thrown:  # noqa: BLE001 -- handed on into the coroutine that waits
                error = thrown


def metered_thread(name: str, work: Callable[[], R]) -> Callable[[], R]:
    """Charge a function that runs alone on another thread to a stage."""
    if not _on:
        return work

    def measured() -> R:
        begun = time.thread_time()
        try:
            return work()
        finally:
            seconds[name] += time.thread_time() - begun

    return measured
