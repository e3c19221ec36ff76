from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client
from autocloudops.sandbox.samples import Sample, load
from autocloudops.sandbox.seeding import seed

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient

SCENARIOS = frozenset({"database", "ok"})


@pytest.fixture
def samples() -> tuple[Sample, ...]:
    """Return the samples of two scenarios."""
    return tuple(sample for sample in load(datetime.now(UTC)) if sample.scenario in SCENARIOS)


async def test_a_sample_alarm_is_found_with_its_state_metric_and_resource(
    foundation: SandboxResources, samples: tuple[Sample, ...]
) -> None:
    """State and threshold, datapoints and database are there; other accounts' alarms are not, and nobody is told."""
    assert await seed(foundation, samples) > 0
    name, url = "orders-primary-connections-high", foundation.endpoint_url
    async with client("cloudwatch", url, "eu-west-1") as cloudwatch, client("rds", url, "eu-west-1") as rds:
        (alarm,) = (await cloudwatch.describe_alarms(AlarmNames=[name]))["MetricAlarms"]
        assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 650.0)
        assert alarm["AlarmArn"].endswith(f"eu-west-1:111122223333:alarm:{name}")
        metrics = await cloudwatch.list_metrics(Namespace="AWS/RDS", MetricName="DatabaseConnections")
        primary = [{"Name": "DBInstanceIdentifier", "Value": "orders-primary"}]
        assert primary in [metric["Dimensions"] for metric in metrics["Metrics"]]
        (database,) = (await rds.describe_db_instances(DBInstanceIdentifier="orders-primary"))["DBInstances"]
        assert database["DBInstanceClass"] == "db.m6g.large"
    await _leaves_out(foundation)


async def _leaves_out(foundation: SandboxResources) -> None:
    """Check that no alarm of another account is there, and that no state that was set became a message."""
    async with client("cloudwatch", foundation.endpoint_url, "us-east-1") as cloudwatch:
        found = await cloudwatch.describe_alarms(AlarmNames=["loyalty-cluster-connections-high"])
    assert found["MetricAlarms"] == []
    async with client("sqs", foundation.endpoint_url) as made:
        sqs: SQSClient = made
        answer = await sqs.receive_message(QueueUrl=foundation.queue_url, WaitTimeSeconds=1)
    assert not answer.get("Messages")
