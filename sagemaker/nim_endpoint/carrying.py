"""Plan, do one step, look again, until nothing is left to do.

Nothing is remembered between two runs: what an interrupted run made is found by the next, which goes on from there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.errors import ServiceFailed, ServiceUnavailable
from autocloudops.values import Value
from nim_endpoint import leases
from nim_endpoint.deletion import plan_deletion
from nim_endpoint.found import Found, Status
from nim_endpoint.hosting import Hosting
from nim_endpoint.leases import Leases
from nim_endpoint.planning import SPENDING, Action, Consent, Plan, Step, Verdict, plan
from nim_endpoint.reading import Reader
from nim_endpoint.refusals import advice, is_absent, is_busy, is_taken
from nim_endpoint.wanted import Wanted, owned

POLL_SECONDS = 15.0
UNSEEN_SECONDS = 180.0
"""How long a name may stay unseen after it was made, or a status unchanged after a change was begun."""
BUSY_SECONDS = 900.0
"""How long a change of somebody else's may refuse ours."""
UPDATES = frozenset({Action.UPDATE_ENDPOINT, Action.UPDATE_COMPONENT})
NEEDS_PACKAGE = frozenset({Action.CREATE_MODEL, Action.CREATE_CONFIG})
NEEDS_INSTANCES = frozenset({Action.CREATE_ENDPOINT, Action.UPDATE_ENDPOINT})
RESUME = "run the same command again: it goes on from here"
OPERATIONS: Mapping[Action, str] = {
    Action.CREATE_MODEL: "sagemaker:CreateModel",
    Action.CREATE_CONFIG: "sagemaker:CreateEndpointConfig",
    Action.CREATE_ENDPOINT: "sagemaker:CreateEndpoint",
    Action.UPDATE_ENDPOINT: "sagemaker:UpdateEndpoint",
    Action.CREATE_COMPONENT: "sagemaker:CreateInferenceComponent",
    Action.UPDATE_COMPONENT: "sagemaker:UpdateInferenceComponent",
    Action.LEASE: "sagemaker:AddTags",
    Action.DELETE_COMPONENT: "sagemaker:DeleteInferenceComponent",
    Action.DELETE_ENDPOINT: "sagemaker:DeleteEndpoint",
    Action.DELETE_CONFIG: "sagemaker:DeleteEndpointConfig",
    Action.DELETE_MODEL: "sagemaker:DeleteModel",
    Action.PROBE: "sagemaker:InvokeEndpoint",
}


class Progress(Value):
    """Where a run is: what it does, what SageMaker says of it, and how long it has been running."""

    step: Step
    said: str
    elapsed_seconds: float


class Outcome(Value):
    """What became of a run: what it set out to do, or why it did nothing, and what is there now."""

    verdict: Verdict
    refusal: str | None
    found: Found
    elapsed_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a run works with.

    Args:
        reader: sees what is there.
        hands: opens what changes it, when something is to be changed: that imports the SageMaker SDK.
        leases: who uses it.
        clock: time.
        told: hears of each step.
        key: returns the text of a secret, for the route that needs the key in the environment.
        probe: asks an endpoint that was not made here for one answer; raises ModelError.
        poll_seconds: how long is waited before looking again.
        timeout_seconds: after how long a run gives up waiting.
    """

    reader: Reader
    hands: Callable[[], Hosting]
    leases: Leases
    clock: Clock
    told: Callable[[Progress], None]
    key: Callable[[str], Awaitable[str]]
    probe: Callable[[], Awaitable[None]]
    poll_seconds: float = POLL_SECONDS
    timeout_seconds: float = 5400.0


async def informed(wanted: Wanted, found: Found, consent: Consent, reader: Reader) -> tuple[Found, Plan]:
    """Return the plan, which knows quota and model package where they matter, and what it was made of.

    Raises:
        ServiceFailed: Service Quotas or SageMaker does not answer; a role that may not ask is no failure.
    """
    made = plan(wanted, found, consent)
    makes = {step.action for step in made.steps}
    if makes & NEEDS_INSTANCES:
        found = await reader.with_quota(found, wanted.instance_type)
    if wanted.package and makes & NEEDS_PACKAGE:
        found = await reader.with_package(found, wanted.package)
    return found, plan(wanted, found, consent)


async def ensure(wanted: Wanted, consent: Consent, ports: Ports) -> Outcome:
    """Make what is there as wanted, or find it so; at the end the consumer holds a lease.

    Raises:
        ServiceFailed: a call was refused, a deployment failed, or it takes too long; the next run goes on from there.
        ModelError: an endpoint that was not made here does not answer as it should.
    """
    run = _Run(ports=ports, consumer=consent.consumer, wanted=wanted)

    async def planned() -> tuple[Found, Plan]:
        found = run.remembering(await ports.reader.found(wanted), wanted)
        # A failure of this very run is told, and not met by deleting what it has just made.
        allowed = consent.model_copy(update={"recreate": consent.recreate and not run.has_made})
        if run.begun:
            return found, plan(wanted, found, allowed)
        return await informed(wanted, found, allowed, ports.reader)

    return await run.through(planned, wanted.endpoint)


async def remove(name: str, consumer: str | None, ports: Ports) -> Outcome:
    """Delete an endpoint with everything made here for it, unless somebody else holds a lease.

    Raises:
        ServiceFailed: a call was refused, or it takes too long; the next run goes on from there.
    """
    run = _Run(ports=ports, consumer=consumer)

    async def planned() -> tuple[Found, Plan]:
        found = await ports.reader.left(name, await ports.reader.endpoint(name))
        return found, plan_deletion(name, found, consumer)

    return await run.through(planned, name)


@dataclass(slots=True, kw_only=True)
class _Run:
    ports: Ports
    consumer: str | None
    wanted: Wanted | None = None
    begun: bool = False
    done: dict[tuple[Action, str], float] = field(default_factory=dict)
    refused_since: float | None = None

    @property
    def has_made(self) -> bool:
        return any(action in SPENDING for action, _ in self.done)

    def remembering(self, found: Found, wanted: Wanted) -> Found:
        """Return `found` with what this run has made, which SageMaker may not show yet, nor its tags.

        An endpoint that is being created from a configuration with our hash is another deployer's of the same spec.
        """
        made = {action for action, _ in self.done}
        ours = {name for action, name in self.done if action is Action.CREATE_COMPONENT}
        is_same = found.status is Status.CREATING and found.config_name == wanted.config_name
        is_made = found.status is not None and Action.CREATE_ENDPOINT in made
        return found.model_copy(
            update={
                "has_model": found.has_model or Action.CREATE_MODEL in made,
                "has_config": found.has_config or Action.CREATE_CONFIG in made,
                "owned": found.owned or is_made or is_same,
                "components": tuple(
                    each.model_copy(update={"owned": each.owned or each.name in ours}) for each in found.components
                ),
            }
        )

    async def through(self, planned: Callable[[], Awaitable[tuple[Found, Plan]]], name: str) -> Outcome:
        started = self.ports.clock.monotonic()
        verdict: Verdict | None = None
        while True:
            with aws.translated("sagemaker:DescribeEndpoint", name):
                found, current = await planned()
            elapsed = self.ports.clock.monotonic() - started
            verdict = current.verdict if verdict is None or current.refusal else verdict
            if current.refusal:
                self._raise_failed(current.refusal)
            if not current.steps:
                return Outcome(verdict=verdict, refusal=current.refusal, found=found, elapsed_seconds=elapsed)
            self.begun = True
            step = current.steps[0]
            self.ports.told(Progress(step=step, said=_said(found, step), elapsed_seconds=elapsed))
            self._raise_late(step, found, elapsed)
            await self._do(step, found)
            if step.action is Action.PROBE:
                return Outcome(verdict=verdict, refusal=None, found=found, elapsed_seconds=elapsed)

    async def _do(self, step: Step, found: Found) -> None:
        """Do one step. A refusal that somebody else's doing explains is answered by looking again."""
        is_done = False
        if step.action is Action.WAIT:
            self.refused_since = None
        elif not self._is_repeated(step, found):
            with aws.translated(OPERATIONS[step.action], step.name):
                try:
                    is_done = await self._carried_out(step, found)
                except ClientError as error:
                    self._check_passing(step, error)
        if is_done:
            self.refused_since = None
            self.done[step.action, step.name] = self.ports.clock.monotonic()
        else:
            await self.ports.clock.sleep(self.ports.poll_seconds)

    async def _carried_out(self, step: Step, found: Found) -> bool:
        """Carry a step out, and return whether it was: not where somebody's lease or deletion came first."""
        match step.action:
            case Action.PROBE:
                await self.ports.probe()
            case Action.LEASE:
                return await self.ports.leases.take(found.arn, step.name)
            case Action.DELETE_ENDPOINT:
                return await self._guarded(found, lambda hands: hands.delete_endpoint(step.name))
            case Action.DELETE_COMPONENT if self.wanted is None and found.arn:
                return await self._guarded(found, lambda hands: hands.delete_component(step.name))
            case Action.DELETE_COMPONENT:
                await self._with_hands(lambda hands: hands.delete_component(step.name))
            case Action.DELETE_CONFIG:
                await self._with_hands(lambda hands: hands.delete_config(step.name))
            case Action.DELETE_MODEL:
                await self._with_hands(lambda hands: hands.delete_model(step.name))
            case _:
                await self._made(step.action, found)
        return True

    async def _guarded(self, found: Found, delete: Callable[[Hosting], None]) -> bool:
        """Announce a deletion and begin it, and return whether it was: not where somebody else holds a lease."""
        if not await self.ports.leases.mark(found.arn, self.consumer):
            return False
        try:
            await self._with_hands(delete)
        except Exception:
            await self.ports.leases.unmark(found.arn)
            raise
        return True

    async def _made(self, action: Action, found: Found) -> None:
        wanted = self.wanted
        assert wanted is not None  # noqa: S101 - only `ensure` plans to make something
        match action:
            case Action.CREATE_MODEL:
                key = await self.ports.key(wanted.key_secret) if wanted.key_secret else None
                await self._with_hands(lambda hands: hands.create_model(wanted, key))
            case Action.CREATE_CONFIG:
                await self._with_hands(lambda hands: hands.create_config(wanted))
            case Action.CREATE_ENDPOINT:
                tags = [*owned(wanted.endpoint), leases.tag(str(self.consumer), self.ports.clock.now())]
                await self._with_hands(lambda hands: hands.create_endpoint(wanted, tags))
            case Action.UPDATE_ENDPOINT:
                is_scaled = bool(found.targets)
                await self._with_hands(lambda hands: hands.update_endpoint(wanted, keeps_count=is_scaled))
            case Action.CREATE_COMPONENT:
                await self._with_hands(lambda hands: hands.create_component(wanted))
            case Action.UPDATE_COMPONENT:
                await self._with_hands(lambda hands: hands.update_component(wanted))

    async def _with_hands(self, do: Callable[[Hosting], None]) -> None:
        """Do something in a thread: every call of the SDK blocks, and so does its import."""
        await asyncio.to_thread(lambda: do(self.ports.hands()))

    def _check_passing(self, step: Step, error: ClientError) -> None:
        """Raise a refusal that does not pass by itself.

        A name that is taken and an absence that should not be are over when what was made is seen everywhere.
        """
        now = self.ports.clock.monotonic()
        self.refused_since = now if self.refused_since is None else self.refused_since
        if is_taken(error) and step.action in {Action.CREATE_MODEL, Action.CREATE_CONFIG}:
            self.done[step.action, step.name] = now
            return
        limit = BUSY_SECONDS if is_busy(error) else UNSEEN_SECONDS if is_taken(error) or is_absent(error) else 0.0
        if now - self.refused_since < limit:
            return
        if what := advice(error):
            raise ServiceFailed(OPERATIONS[step.action], step.name, aws.error_message(error), what) from error
        raise error

    def _is_repeated(self, step: Step, found: Found) -> bool:
        """Say whether the step was done and only does not show yet.

        Raises:
            ServiceFailed: it was done, and came to nothing.
        """
        done_at = self.done.get((step.action, step.name))
        if done_at is None:
            return False
        if self.ports.clock.monotonic() - done_at < UNSEEN_SECONDS:
            return True
        component = found.component(step.name)
        reason = (component.reason if component else found.reason) or "SageMaker gives no reason"
        if step.action not in UPDATES:
            raise ServiceUnavailable(OPERATIONS[step.action], step.name, "it was done, and does not show", RESUME)
        raise ServiceFailed(
            OPERATIONS[step.action], step.name, f"it was rolled back: {reason}", "what served still does"
        )

    def _raise_failed(self, refusal: str) -> None:
        """Raise what refuses to go on after this run has changed something: a deployment that failed."""
        for action, name in self.done:
            if action in SPENDING:
                raise ServiceFailed(OPERATIONS[action], name, refusal)

    def _raise_late(self, step: Step, found: Found, elapsed: float) -> None:
        if elapsed > self.ports.timeout_seconds:
            said = f"after {elapsed / 60:.0f} min: {_said(found, step)}"
            raise ServiceUnavailable("sagemaker:DescribeEndpoint", step.name, said, RESUME)


def _said(found: Found, step: Step) -> str:
    """Return what SageMaker says of what a step is about."""
    component = found.component(step.name)
    status, reason = (component.status, component.reason) if component else (found.status, found.reason)
    return f"{status or 'not there'}{f': {reason}' if reason else ''}"
