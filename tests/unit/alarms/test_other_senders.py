"""What alerts of other systems and notices of other services tell."""

import json
from datetime import UTC, datetime

import pytest
from alarm_bodies import ACCOUNT, REGION, Body, alert, alertmanager, sns_envelope

from autocloudops.alarms.model import Alarm, AlarmKind, AlarmState, AwsEvent, Suppression
from autocloudops.alarms.parse import parse

CHANGED_AT = datetime(2026, 3, 1, 9, 15, 27, 481000, tzinfo=UTC)


def _alarm(body: object) -> Alarm:
    (noun,) = parse(json.dumps(body))
    assert isinstance(noun, Alarm), noun
    return noun


def _event(body: object) -> AwsEvent:
    (noun,) = parse(json.dumps(body))
    assert isinstance(noun, AwsEvent), noun
    return noun


def test_alertmanager() -> None:
    """An alert is an external alarm: its rule, its fingerprint, its labels with those of the group."""
    alarm = _alarm(alertmanager(alert()))
    assert (alarm.kind, alarm.key.name, alarm.key.contributor) == (AlarmKind.EXTERNAL, "QueueStuck", "8f14e45fceea167a")
    assert (alarm.key.account, alarm.key.region, alarm.at) == ("external", "external", CHANGED_AT)
    assert (alarm.resource.id, alarm.resource.owner) == ("billing-7c9-x2", "service/billing")
    assert alarm.contributor_labels["cluster"] == "blue"
    assert (alarm.reason, alarm.description) == ("The queue does not move", "No message left for ten minutes")


def test_resolved_alert() -> None:
    """A resolved alert is OK at its end."""
    alarm = _alarm(alertmanager(alert(status="resolved", endsAt="2026-03-01T09:30:00Z"), status="resolved"))
    assert (alarm.state, alarm.at.minute) == (AlarmState.OK, 30)


def test_alert_of_an_aws_exporter() -> None:
    """Account and region that stand in labels are the alert's."""
    labels = {"alertname": "Slow", "account_id": "000012345678", "region": "eu-west-3"}
    alarm = _alarm(alertmanager(alert(labels=labels, fingerprint=...)))
    assert (alarm.key.account, alarm.key.region) == ("000012345678", "eu-west-3")
    assert len(alarm.key.contributor) == 16


def test_silenced_alert_of_the_api() -> None:
    """An alert as Alertmanager's API lists it may be silenced."""
    alarm = _alarm([alert(status={"state": "suppressed"})])
    assert alarm.suppression == Suppression(by="Silence")


def test_an_alert_that_alertmanager_has_yet_to_route_is_firing() -> None:
    """The API lists an alert as unprocessed until it is routed, and it fires all the while."""
    alarm = _alarm([alert(status={"state": "unprocessed"})])
    assert (alarm.state, alarm.suppression) == (AlarmState.ALARM, None)


SCRAPE = {
    "job": "kube-state-metrics",
    "service": "prometheus-kube-state-metrics",
    "instance": "10.0.3.7:8080",
    "container": "kube-state-metrics",
    "pod": "prometheus-kube-state-metrics-7d9f8b-xkp2q",
}
NODE = {"job": "node-exporter", "namespace": "monitoring", "pod": "node-exporter-x7k2p", "container": "node-exporter"}


@pytest.mark.parametrize(
    ("labels", "thing", "owner"),
    [
        ({**SCRAPE, "namespace": "shop", "pod": "cart-7d9-abc"}, "pod cart-7d9-abc", "namespace/shop"),
        ({**SCRAPE, "namespace": "pay", "pod": "card-5c6-xyz"}, "pod card-5c6-xyz", "namespace/pay"),
        ({**SCRAPE, "namespace": "shop", "deployment": "cart"}, "deployment cart", "deployment/cart"),
        ({**SCRAPE, "namespace": "shop", "job_name": "nightly"}, "job nightly", "job/nightly"),
        ({**NODE, "instance": "10.0.3.7:9100"}, "instance 10.0.3.7:9100", "instance/10.0.3.7:9100"),
        ({"service": "kubelet", "job": "kubelet", "namespace": "shop"}, "namespace shop", "namespace/shop"),
        ({"service": "cart", "job": "kubelet", "pod": "cart-1"}, "pod cart-1", "service/cart"),
        ({"instance": "kube-state-metrics.monitoring:8080", "namespace": "shop"}, "namespace shop", "namespace/shop"),
        ({"cluster": "blue", "namespace": "shop", "pod": "cart-1"}, "pod cart-1", "namespace/shop"),
        ({"service": "kubelet-gateway", "pod": "a"}, "pod a", "service/kubelet-gateway"),
    ],
)
def test_an_exporter_owns_nothing_that_it_measures(labels: Body, thing: str, owner: str) -> None:
    """Alerts of kube-prometheus belong to what they are about: unrelated teams share no incident by their exporter."""
    found = _alarm(alertmanager(alert(labels={"alertname": "Broken", **labels}), commonLabels={}))
    assert (f"{found.resource.type} {found.resource.id}", found.resource.owner) == (f"label:{thing}", owner)


def test_an_alert_of_an_exporter_alone_is_its_own_resource() -> None:
    """Where nothing but the exporter is named, the alert stands for itself."""
    found = _alarm(alertmanager(alert(labels={"alertname": "Broken", **SCRAPE}), commonLabels={}))
    assert (found.resource.type, found.resource.owner) == ("alarm", "alarm/Broken")


NOTICES = [
    (
        {"Event": "autoscaling:EC2_INSTANCE_LAUNCH", "AutoScalingGroupARN": "arn:aws:autoscaling:eu-west-1:1:x"},
        {"AccountId": ACCOUNT, "Time": "2026-03-01T09:15:27.481Z", "Cause": "asked to"},
        ("aws.autoscaling", "autoscaling:EC2_INSTANCE_LAUNCH", "eu-west-1"),
    ),
    (
        {"Event Source": "db-cluster", "Event Message": "failover", "Source ID": "orders"},
        {"Source ARN": f"arn:aws:rds:eu-west-2:{ACCOUNT}:cluster:orders", "Event Time": "2026-03-01 09:15:27.481"},
        ("aws.rds", "RDS db-cluster", "eu-west-2"),
    ),
    (
        {"deploymentId": "d-1", "eventTriggerName": "tell", "status": "FAILED", "region": "eu-west-3"},
        {"accountId": ACCOUNT, "completeTime": "Sun Mar 01 09:15:27 UTC 2026"},
        ("aws.codedeploy", "CodeDeploy deployment FAILED", "eu-west-3"),
    ),
]


@pytest.mark.parametrize(("what", "where", "expected"), NOTICES)
def test_notices_of_other_services(what: Body, where: Body, expected: tuple[str, str, str]) -> None:
    """A service's own notice is context, in its own words, where it says account, region and time."""
    event = _event(sns_envelope({**what, **where}))
    assert (event.source, event.detail_type, event.region) == expected
    assert event.account == ACCOUNT
    assert event.at.replace(microsecond=0) == CHANGED_AT.replace(microsecond=0)
    assert event.detail


def test_cloudformation_notice() -> None:
    """CloudFormation's lines are read like an object."""
    stack = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/1"
    lines = {
        "StackId": stack,
        "Timestamp": "2026-03-01T09:15:27.481Z",
        "EventId": "e1",
        "ResourceStatus": "DELETE_FAILED",
    }
    event = _event(sns_envelope("".join(f"{key}='{value}'\n" for key, value in lines.items())))
    assert (event.source, event.detail_type) == ("aws.cloudformation", "CloudFormation DELETE_FAILED")
    assert (event.at, event.id, event.resources) == (CHANGED_AT, "e1", (stack,))
