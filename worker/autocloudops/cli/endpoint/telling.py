"""What a run that takes minutes says on standard error: a line for each change, and on a terminal a line that moves."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

from autocloudops.cli.output import note
from autocloudops.redaction import clean
from nim_endpoint.carrying import Progress
from nim_endpoint.planning import Action

SAID_CHARACTERS = 300
QUIET_SECONDS = 300.0
"""A pipeline that hears nothing for longer may take the run for dead."""


class Teller:
    """Hears of each step.

    Args:
        status: the line that moves.
    """

    def __init__(self, status: Status) -> None:
        self._status = status
        self._last = ""
        self._told_at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Say what changed, or after a while that nothing did."""
        told, elapsed = _line(progress), progress.elapsed_seconds
        self._status.update(f"{_clock(elapsed)}  {told} (Ctrl-C is safe)")
        if told != self._last or elapsed - self._told_at >= QUIET_SECONDS:
            note(f"{_clock(elapsed)}  {told}")
            self._last, self._told_at = told, elapsed


@contextmanager
def teller() -> Iterator[Teller]:
    """Yield who tells of steps; on a terminal a spinner turns meanwhile."""
    console = Console(stderr=True, force_terminal=sys.stderr.isatty(), markup=False, highlight=False)
    with console.status("") as status:
        yield Teller(status)


def _line(progress: Progress) -> str:
    step = progress.step
    about = progress.said if step.action is Action.WAIT else step.why
    return f"{step.action} {step.name}{f': {clean(about, SAID_CHARACTERS)}' if about else ''}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:>3}:{rest:02}"
