"""A consumer's processes, seen from outside: CPU time and memory of everything in its session. Linux only."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SESSION, USER, CHILDREN_SYSTEM, RESIDENT = 3, 11, 14, 21
KILL_SECONDS = 5


class Consumer:
    """A process with its children, in a session of their own.

    Args:
        process: the leader of the session.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def running(self) -> bool:
        """Whether the leader still runs."""
        return self._process.poll() is None

    def cpu_seconds(self) -> float:
        """Return the CPU time of the session's processes and of their children that have ended."""
        return sum(sum(map(int, each[USER : CHILDREN_SYSTEM + 1])) for each in self._stats()) / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """Return the memory that the session's processes hold."""
        return sum(int(each[RESIDENT]) for each in self._stats()) * PAGE_BYTES

    def stop(self, patience_seconds: float) -> float | None:
        """Send SIGTERM to the leader, and return how many seconds it took to end, None if it did not in time."""
        begin = monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            return None
        return monotonic() - begin

    def kill(self) -> None:
        """End what is left of the session."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            fields = _fields(stat)
            if fields and int(fields[SESSION]) == self._process.pid:
                os.kill(int(stat.parent.name), signal.SIGKILL)
        self._process.wait(KILL_SECONDS)

    def _stats(self) -> list[list[str]]:
        every = (_fields(stat) for stat in Path("/proc").glob("[0-9]*/stat"))
        return [fields for fields in every if fields and int(fields[SESSION]) == self._process.pid]


def machine_cpu_seconds() -> float:
    """Return the CPU time that everything on the machine has used. Source: proc_stat(5); idle and waiting left out."""
    user, nice, system, _, _, interrupts, soft, *_ = map(int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9])
    return (user + nice + system + interrupts + soft) / TICKS_PER_SECOND


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Consumer]:
    """Run a consumer for as long as the block lasts; what it says goes to a file."""
    with log.open("ab") as said:
        process = subprocess.Popen(  # noqa: S603 - an app of the bench
            command, env=environment, stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True
        )
        consumer = Consumer(process)
        try:
            yield consumer
        finally:
            consumer.kill()


def _fields(stat: Path) -> list[str]:
    """Return the fields after the name. Source: proc_pid_stat(5); none where the process has ended meanwhile."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []
