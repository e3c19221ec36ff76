"""Accounts of an emulator, and resources that the tests of facts make in them."""

from functools import cache
from typing import Any, cast
from uuid import uuid4

import boto3
from fact_sources import REGION, request_about

from autocloudops.catalogue.model import ActionRequest

Keys = tuple[str, str, str | None]
ALLOWED = {"autocloudops:allow": "true", "team": "payments"}


class Account:
    """One account of an emulator, and what a test makes in it.

    Args:
        url: of the emulator.
        role: the ARN of a role of another account, empty for the emulator's own.
    """

    def __init__(self, url: str, role: str = "") -> None:
        self._url = url
        self._keys: Keys = ("testing", "testing", None)
        if role:
            assumed = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
            self._keys = (assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])

    def client(self, service: str) -> Any:  # noqa: ANN401 - clients of services without stubs
        return _client(service, self._url, self._keys)

    @property
    def number(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])

    def service(self, cluster: str, desired: int = 2) -> ActionRequest:
        """Make an ECS service `orders` in a cluster."""
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName=cluster)
        container = {"name": "app", "image": "registry.example/orders:1.2", "memory": 128}
        ecs.register_task_definition(family="orders", containerDefinitions=[container])
        tags = [{"key": key, "value": value} for key, value in ALLOWED.items()]
        ecs.create_service(
            cluster=cluster, serviceName="orders", taskDefinition="orders", desiredCount=desired, tags=tags
        )
        return request_about("ecs:service", f"{cluster}/orders", self.number)

    def group(self, name: str) -> ActionRequest:
        """Make an Auto Scaling group with a scaling policy."""
        scaling = self.client("autoscaling")
        scaling.create_launch_configuration(
            LaunchConfigurationName=name, ImageId="ami-12345678", InstanceType="t3.micro"
        )
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName=name,
            MinSize=1,
            MaxSize=4,
            DesiredCapacity=2,
            AvailabilityZones=["eu-west-1a"],
            Tags=_tags(),
        )
        scaling.put_scaling_policy(
            AutoScalingGroupName=name, PolicyName="cpu", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1
        )
        return request_about("autoscaling:group", name, self.number)

    def database(self, name: str) -> ActionRequest:
        """Make a database."""
        self.client("rds").create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.r6g.large",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="master",
            MasterUserPassword="planted-5w0rdf1sh",
            Tags=_tags(),
        )
        return request_about("rds:db-instance", name, self.number)

    def instance(self) -> ActionRequest:
        """Start an instance."""
        made = self.client("ec2").run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": _tags()}],
        )
        return request_about("ec2:instance", made["Instances"][0]["InstanceId"], self.number)

    def alarm(self, name: str, state: str) -> None:
        """Make an alarm in a state."""
        watching = self.client("cloudwatch")
        watching.put_metric_alarm(
            AlarmName=name,
            MetricName="Errors",
            Namespace="shop",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        watching.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")


@cache
def _client(service: str, url: str, keys: Keys) -> Any:  # noqa: ANN401 - likewise
    key, secret, token = keys
    made = boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )
    return cast("Any", made)


def _tags() -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in ALLOWED.items()]


def fresh() -> str:
    """Return a name that no other test has: the emulators are shared."""
    return f"t{uuid4().hex[:12]}"
