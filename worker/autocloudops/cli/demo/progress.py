"""Showing how the demo goes: a live table on a terminal, plain lines elsewhere. Always on standard error."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from autocloudops.cli.demo.outside import View
from autocloudops.cli.output import Output

LINE_SECONDS = 1.0


class Progress(Protocol):
    """Somebody who is shown what happens."""

    def show(self, view: View) -> None:
        """Show the state of things."""
        ...

    def say(self, line: str) -> None:
        """Tell one thing that happened."""
        ...


class Lines:
    """Prints one line a second at most, and none while nothing changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._last = time.monotonic()
        self._shown: View | None = None

    def show(self, view: View) -> None:
        """Print the state of things, unless it was printed just now."""
        now = time.monotonic()
        if view == self._shown or (self._shown and now - self._last < LINE_SECONDS):
            return
        self._last, self._shown = now, view
        facts = ", ".join(f"{name} {value}" for name, value in _facts(view).items())
        self.say(f"{now - self._started:5.1f} s  {facts}")

    def say(self, line: str) -> None:
        """Print one line."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class LiveTable:
    """Keeps one table, with the name of the model above it, current below what is said."""

    def __init__(self, live: Live, model: str) -> None:
        self._live = live
        self._title = f"model: {model}"

    def show(self, view: View) -> None:
        """Redraw the table."""
        table = Table(box=None, show_header=False, pad_edge=False, title=self._title, title_justify="left")
        for name, value in _facts(view).items():
            table.add_row(name, str(value))
        self._live.update(table)

    def say(self, line: str) -> None:
        """Print one line above the table."""
        self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_on(output: Output, model: str) -> Iterator[Progress]:
    """Yield the progress that suits standard error and what was asked for; `model` is what answers."""
    console = Console(stderr=True)
    if console.is_terminal and output is Output.TABLE:
        with Live(console=console, transient=True, refresh_per_second=8) as live:
            yield LiveTable(live, model)
    else:
        yield Lines(console)


def _facts(view: View) -> Mapping[str, object]:
    return {
        "sent": view.sent,
        "waiting": view.waiting,
        "in flight": view.in_flight,
        "parked": view.parked,
        "asked the model": f"{view.model_requests} ({view.model_in_flight} under way)",
        "decided": sum(view.decisions.values()),
    }
