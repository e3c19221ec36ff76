import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import cast
from uuid import uuid4

import pytest
import virtual_time
from memory_queue import MemoryQueue
from virtual_time import VirtualClock

from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints import ecs, wiring
from autocloudops.entrypoints.acting import patience_of, setup_of
from autocloudops.entrypoints.ecs import SWEEP_SECONDS, Run
from autocloudops.entrypoints.health import Troubles
from autocloudops.entrypoints.policies import refuse_without_followups
from autocloudops.environment import read
from autocloudops.errors import AccessDenied, ServiceUnavailable, SettingsInvalid
from autocloudops.pipeline import Asking
from autocloudops.pipeline.acting import Acting
from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Limits
from autocloudops.queue.endings import Done, Ending, Park
from autocloudops.settings import ActionSettings, QueueSettings

URL, DLQ_URL = "https://queue.example/follow-ups", "https://queue.example/follow-ups-dlq"
HOUR = 3_600.0
LIMITS = Limits()
POLL_SECONDS = 10.0


class Hands:
    """What acts, as a test says: it handles follow-ups, and sweeps."""

    def __init__(self, seconds: float = 0, error: Exception | None = None) -> None:
        self.handled: list[str] = []
        self.cancelled: list[str] = []
        self.sweeps = 0
        self.hidden = 0
        self._seconds = seconds
        self._error = error

    async def handle(self, delivery: Delivery) -> Ending:
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled.append(delivery.body)
            raise
        if self._error:
            raise self._error
        self.handled.append(delivery.body)
        return Park(code="no_follow_up", reason="forged") if delivery.body == "forged" else Done()

    async def sweep(self) -> None:
        self.sweeps += 1
        if self._error:
            raise self._error


class Incidents:
    """Asks about incidents that somebody left, and counts that."""

    def __init__(self) -> None:
        self.sweeps = 0

    async def sweep(self) -> None:
        self.sweeps += 1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[QueueSettings]:
    """The settings of every queue that is opened; there is one queue in memory for all of them."""
    found: list[QueueSettings] = []
    for name, value in {
        "QUEUE_URL": "https://queue.example/alarms",
        "QUEUE_DLQ_URL": "https://queue.example/alarms-dlq",
        "ACTION_FOLLOWUPS_URL": URL,
        "ACTION_FOLLOWUPS_DLQ_URL": DLQ_URL,
    }.items():
        monkeypatch.setenv(f"AUTOCLOUDOPS_{name}", value)
    return found


def following(
    opened: list[QueueSettings],
    monkeypatch: pytest.MonkeyPatch,
    hands: Hands,
    test: Callable[[MemoryQueue, Run], Awaitable[None]],
) -> tuple[MemoryQueue, float]:
    """Run a test beside the follow-ups, and return their queue and how long leaving took in seconds."""

    async def body() -> tuple[MemoryQueue, float]:
        queue = MemoryQueue()

        async def open_queue(_: AsyncExitStack, settings: QueueSettings) -> MemoryQueue:
            opened.append(settings)
            return queue

        monkeypatch.setattr(wiring, "open_queue", open_queue)
        run = Run(AsyncExitStack(), VirtualClock(), asyncio.Event(), Troubles())
        settings = wiring.follow_up_queue(read(QueueSettings), read(ActionSettings))
        assert settings
        async with ecs._following(cast("Acting", hands), settings, run):
            await test(queue, run)
            started = run.clock.monotonic()
        hands.hidden = queue.in_flight
        return queue, run.clock.monotonic() - started

    return virtual_time.run(body())


def test_follow_ups_are_handled_beside_the_alarms(opened: list[QueueSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue of follow-ups is received from, what is done leaves it, and what is forged is parked in its own."""
    hands, body = Hands(), str(uuid4())

    async def test(queue: MemoryQueue, run: Run) -> None:
        queue.send(body, "forged")
        await asyncio.sleep(5)
        assert not run.stop.is_set()

    queue, took = following(opened, monkeypatch, hands, test)
    assert hands.handled == [body, "forged"]
    assert queue.messages == {}
    assert queue.parked == [("forged", "no_follow_up")]
    assert [(settings.url, settings.dlq_url) for settings in opened] == [(URL, DLQ_URL)]
    assert took <= POLL_SECONDS, "an idle poll is waited for, and not aborted"


def test_a_follow_up_that_hangs_keeps_no_worker(opened: list[QueueSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    """Draining has a bound: what is not done by then is cancelled, and its message comes again."""
    hands, body = Hands(seconds=HOUR), str(uuid4())

    async def test(queue: MemoryQueue, _: Run) -> None:
        queue.send(body)
        await asyncio.sleep(1)

    queue, took = following(opened, monkeypatch, hands, test)
    assert hands.cancelled == [body]
    assert len(queue.messages) == 1
    assert LIMITS.drain_seconds <= took <= LIMITS.drain_seconds + LIMITS.give_back_seconds


def test_follow_ups_are_drained_while_alarms_are(opened: list[QueueSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop takes as long as with alarms alone: what both do last is done at the same time."""
    hands, body = Hands(seconds=HOUR), str(uuid4())

    async def test(queue: MemoryQueue, run: Run) -> None:
        queue.send(body)
        await asyncio.sleep(1)
        run.stop.set()
        await asyncio.sleep(LIMITS.drain_seconds + LIMITS.give_back_seconds + LIMITS.flush_seconds)

    queue, took = following(opened, monkeypatch, hands, test)
    assert hands.cancelled == [body]
    assert (len(queue.messages), hands.hidden) == (1, 0)
    assert took == 0


def test_a_stop_aborts_no_poll_for_follow_ups(opened: list[QueueSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    """What SQS gives a poll that the worker no longer hears would stay hidden for minutes, at every deployment."""

    async def test(queue: MemoryQueue, run: Run) -> None:
        await asyncio.sleep(11)
        run.stop.set()
        await asyncio.sleep(4)
        queue.send(str(uuid4()))

    hands = Hands()
    queue, _ = following(opened, monkeypatch, hands, test)
    assert (len(queue.messages), hands.hidden) == (1, 0)


def test_a_follow_up_in_hand_is_finished_on_the_way_out(
    opened: list[QueueSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that takes no longer than the bound is not made twice."""
    hands = Hands(seconds=LIMITS.drain_seconds / 2)

    async def test(queue: MemoryQueue, _: Run) -> None:
        queue.send(str(uuid4()))
        await asyncio.sleep(0.1)

    queue, _ = following(opened, monkeypatch, hands, test)
    assert len(hands.handled) == 1
    assert queue.messages == {}


def test_follow_ups_that_cannot_be_received_stop_the_worker(
    opened: list[QueueSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that would act and never look again drains its alarms, and ends with the reason."""
    denied = AccessDenied("sqs:ReceiveMessage", URL, "no permission")

    async def test(queue: MemoryQueue, run: Run) -> None:
        await asyncio.sleep(1)
        queue.faults["receive"].extend([denied] * 20)
        async with asyncio.timeout(60):
            await run.stop.wait()

    with pytest.raises(AccessDenied, match="no permission"):
        following(opened, monkeypatch, Hands(), test)


def test_a_follow_up_that_fails_comes_back_and_is_a_trouble_of_its_own(
    opened: list[QueueSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be reached is shown as such until a follow-up succeeds, whatever alarms do meanwhile."""
    hands = Hands(error=ServiceUnavailable("dynamodb:GetItem", "state", "no answer"))

    async def test(queue: MemoryQueue, run: Run) -> None:
        queue.send(str(uuid4()))
        await asyncio.sleep(1)
        with run.troubles.watching("handling"):
            pass
        assert list(run.troubles.down().values()) == [str(hands._error)]

    queue, _ = following(opened, monkeypatch, hands, test)
    assert len(queue.messages) == 1


def swept(acting: Hands | None, rounds: int) -> tuple[Incidents, Troubles]:
    """Sweep for some rounds, and return what was swept."""
    incidents, troubles = Incidents(), Troubles()

    async def body() -> None:
        run = Run(AsyncExitStack(), VirtualClock(), asyncio.Event(), troubles)
        async with ecs._sweeping(cast("Asking", incidents), cast("Acting", acting), run):
            await run.clock.sleep(SWEEP_SECONDS * rounds + 1)

    virtual_time.run(body())
    return incidents, troubles


def test_a_sweep_brings_on_incidents_and_actions() -> None:
    """Each round looks after both."""
    hands = Hands()
    incidents, _ = swept(hands, 3)
    assert (incidents.sweeps, hands.sweeps) == (3, 3)


def test_actions_that_cannot_be_swept_keep_no_incident_waiting() -> None:
    """A ledger that is down is shown, and incidents are looked after in every round."""
    hands = Hands(error=ServiceUnavailable("dynamodb:Query", "state", "no answer"))
    incidents, troubles = swept(hands, 2)
    assert (incidents.sweeps, hands.sweeps) == (2, 2)
    assert troubles.down()


def test_where_nothing_acts_only_incidents_are_swept() -> None:
    """A worker without a queue of follow-ups has no actions to bring on."""
    incidents, troubles = swept(None, 2)
    assert incidents.sweeps == 2
    assert troubles.down() == {}


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.ACTIVE])
def test_whoever_may_act_needs_follow_ups(mode: Mode) -> None:
    """A promise that nobody looks after is refused by the name of what is missing."""
    with pytest.raises(SettingsInvalid, match=r"^AUTOCLOUDOPS_ACTION_FOLLOWUPS_URL: mode"):
        refuse_without_followups(ActionSettings(), Policy(mode=mode))
    refuse_without_followups(ActionSettings(followups_url=URL, followups_dlq_url=DLQ_URL), Policy(mode=mode))


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.DRY_RUN])
def test_a_dry_run_needs_no_follow_ups(mode: Mode) -> None:
    """Where nothing is ever done, nothing has to be looked after."""
    refuse_without_followups(ActionSettings(), Policy(mode=mode))


def test_settings_reach_verification_and_runbooks() -> None:
    """How long verification waits, and as whom runbooks run, is what the settings say."""
    settings = ActionSettings(
        runbook_role="arn:aws:iam::{account}:role/x",
        ok_periods=3,
        verify_within_seconds=60,
        recurs_within_seconds=90,
        first_look_seconds=7,
    )
    patience = patience_of(settings)
    spans = (patience.within.total_seconds(), patience.recurs_within.total_seconds(), patience.first.total_seconds())
    assert (patience.periods, spans) == (3, (60, 90, 7))
    setup = setup_of(settings, Policy(), "the-state")
    assert (setup.role, setup.table) == ("arn:aws:iam::{account}:role/x", "the-state")
