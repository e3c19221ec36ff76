import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import pytest
import pytest_asyncio
from aws_resources import OWNER, SECRET, Maker
from botocore import xform_name
from triage import database_alarm

from autocloudops import aws
from autocloudops.alarms.model import ResourceRef
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.gathering import Piece, Subject
from autocloudops.errors import TargetMissing
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.configuration import Configuration
from autocloudops.knowledge.configurations import BY_TYPE, DESCRIBERS

pytestmark = pytest.mark.asyncio(loop_scope="module")

T = TypeVar("T")
ACCOUNTS = {"ministack": "000000000000", "moto": "123456789012"}
EXPECTED = {
    "apigateway:rest-stage": r"limit throttle: 50 a second \(of the stage\)",
    "apigateway:stage": r"limit throttle: 40 a second \(of the stage\)[\s\S]*burst: 80 requests",
    "autoscaling:group": r"instances: 2 of 2 desired, at least 1, at most 2, cannot grow",
    "cloudfront:distribution": r"distribution: enabled, Deployed",
    "dynamodb:index": r"limit read capacity units: 7 a second \(provisioned\)",
    "ec2:instance": r"instance: t3\.micro[\s\S]*tags: owner \"payments\"",
    "ec2:nat-gateway": r"NAT gateway: .*available",
    "ec2:volume": r"volume: gp3, 10 GiB",
    "ecs:cluster": r"tasks: \d running, \d pending",
    "ecs:service": r"2 desired[\s\S]*task size: 256 CPU units .* 512 MiB[\s\S]*image \"orders:1\.2\"",
    "efs:file-system": r"throughput: bursting",
    "eks:pod": r"node group: \"general\", ACTIVE, .* 2 nodes, at least 1, at most 2, cannot grow",
    "elasticache:cluster": r"cache: cache\.t3\.micro, 1 nodes",
    "elasticache:replication-group": r"1 shards, 2 nodes",
    "elb:load-balancer": r"load balancer: application",
    "elb:target-group": r"targets: 1 registered, 1 healthy",
    "kinesis:shard": r"limit records in: 2000 a second \(2 shards\)",
    "lambda:function": r"limit timeout: 3000 \(in ms\)[\s\S]*limit reserved concurrency: 5[\s\S]*memory: 128 MB",
    "opensearch:domain": r"2 data nodes r6g\.large\.search",
    "rds:db-cluster": r"members: 1 writer",
    "rds:db-instance": r"limit max_connections: 820 \(set in parameter group \"orders-own\"\); .*650 is 79% of it",
    "sns:topic": r"subscriptions: 0 confirmed",
    "sqs:queue": r"dead-letter queue: \"described-dead\" after 3 receives",
    "states:state-machine": r"state machine: STANDARD, ACTIVE",
}


class Noting(Calls):
    """Makes real calls, and notes which operation was called under which IAM action."""

    def __init__(self, stack: AsyncExitStack) -> None:
        super().__init__(stack, SystemClock(), {"apigateway:GET": 1000.0}, call_seconds=10)
        self.noted: set[tuple[str, str]] = set()

    async def make(
        self,
        action: str,
        account: str,
        region: str,
        call: Callable[[Any], Awaitable[T]],
        target: str = "",
        service: str = "",
    ) -> T:
        async def noting(client: Any) -> T:  # noqa: ANN401 - a client of any service
            return await call(Proxy(client, action, self.noted))

        return await super().make(action, account, region, noting, target, service)


class Proxy:
    """A client that notes what is called on it."""

    def __init__(self, client: object, action: str, noted: set[tuple[str, str]]) -> None:
        self._client = client
        self._action = action
        self._noted = noted

    def __getattr__(self, name: str) -> object:
        self._noted.add((self._action, name))
        return getattr(self._client, name)


@pytest.fixture(scope="module", params=["ministack", "moto"])
def made(request: pytest.FixtureRequest) -> tuple[str, Mapping[str, ResourceRef]]:
    """The URL of each emulator in turn, with one resource of every kind in it."""
    url = str(request.getfixturevalue(request.param))
    return url, Maker(url, ACCOUNTS[request.param]).everything()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_calls(made: tuple[str, object]) -> AsyncIterator[Noting]:
    """Calls to the emulator, with clients that are opened once: each reads the model of its service."""
    session = aws.session()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "session", lambda: session)
        patch.setenv("AWS_ENDPOINT_URL", made[0])
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        async with AsyncExitStack() as stack:
            yield Noting(stack)


@pytest.fixture
def calls(open_calls: Noting) -> Noting:
    """The same calls, with nothing noted yet."""
    open_calls.noted.clear()
    return open_calls


def subject_of(resource: ResourceRef) -> Subject:
    """Return an incident about `resource`, with an alarm on a metric of RDS."""
    alarm = database_alarm().model_copy(update={"resource": resource})
    at = datetime(2026, 11, 22, 3, 11, tzinfo=UTC)
    return Subject(incident_id=UUID(int=1), resource=resource, alarm=alarm, alarms=(alarm,), at=at)


async def read(calls: Calls, resource: ResourceRef) -> list[Piece]:
    """Return the pieces about one resource."""
    source = Configuration(calls, SystemClock(), resource.account)
    return list(await source.read(subject_of(resource)))


async def test_every_describer_is_read_in_both_emulators() -> None:
    """No kind of resource is left out of the tests below."""
    assert {id(BY_TYPE[type_]) for type_ in EXPECTED} == {id(each) for each in DESCRIBERS}


@pytest.mark.parametrize("type_", sorted(EXPECTED))
async def test_a_resource_is_described_by_exactly_its_permissions(
    type_: str, made: tuple[str, Mapping[str, ResourceRef]], calls: Noting
) -> None:
    """Each kind yields its facts, no planted secret, and calls that its IAM actions name, all of them and no other."""
    pieces = await read(calls, made[1][type_])
    text = "\n".join(piece.text for piece in pieces)
    assert not any(piece.missing for piece in pieces)
    assert re.search(EXPECTED[type_], text), text
    assert SECRET not in text
    assert {action for action, _ in calls.noted} == set(BY_TYPE[type_].actions)
    for action, method in calls.noted:
        assert method == xform_name(action.partition(":")[2]) or action == "apigateway:GET"


async def test_tags_of_the_owner_come_with_the_same_call(
    made: tuple[str, Mapping[str, ResourceRef]], calls: Noting
) -> None:
    """Tags that a decision may hang on are kept as they are, by lower-case key."""
    resource = made[1]["ec2:instance"]
    described = await Configuration(calls, SystemClock(), resource.account).described(resource)
    assert described.tags == {"owner": OWNER}


@pytest.mark.parametrize("type_", sorted(EXPECTED))
async def test_what_is_not_there_is_said_to_be_missing(
    type_: str, made: tuple[str, Mapping[str, ResourceRef]], calls: Noting
) -> None:
    """A resource that is gone is named as such, whichever way the service says so."""
    gone = made[1][type_].model_copy(update={"id": GONE.get(type_, "gone-1/gone-2"), "arn": None})
    if type_ in {"states:state-machine", "sns:topic"}:
        live = str(made[1][type_].arn)
        gone = gone.model_copy(update={"arn": f"{live.rpartition(':')[0]}:gone"})
    with pytest.raises(TargetMissing, match=f"the {type_}"):
        await read(calls, gone)


GONE = {
    "autoscaling:group": "gone",
    "cloudfront:distribution": "EGONE",
    "ec2:instance": "i-0123456789abcdef0",
    "ec2:nat-gateway": "nat-0123456789abcdef0",
    "ec2:volume": "vol-0123456789abcdef0",
    "ecs:cluster": "gone",
    "efs:file-system": "fs-0123456789abcdef0",
    "elasticache:cluster": "gone",
    "elasticache:replication-group": "gone",
    "elb:load-balancer": "app/gone/0123456789abcdef",
    "elb:target-group": "targetgroup/gone/0123456789abcdef",
    "lambda:function": "gone",
    "opensearch:domain": "gone",
    "rds:db-cluster": "gone",
    "rds:db-instance": "gone",
    "sqs:queue": "gone",
}
