"""Where the thing behind a contributor is, as far as its labels and the alarm's metrics say so."""

import json

import pytest
from alarm_bodies import ACCOUNT, REGION, Body, sns_alarm

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse

OTHER = "999988887777"
QUERY = 'SELECT MAX(CPUUtilization) FROM "AWS/EC2" GROUP BY AWS.AccountId, InstanceId'


def _alarm(body: Body) -> Alarm:
    (found,) = parse(json.dumps(body))
    assert isinstance(found, Alarm), found
    return found


def _contributor(labels: dict[str, str], trigger: Body) -> Alarm:
    return _alarm(sns_alarm(Trigger=trigger, AlarmContributorId="c1", AlarmContributorAttributes=labels))


def _of_insights(labels: dict[str, str]) -> Alarm:
    return _contributor(labels, {"Metrics": [{"Id": "q1", "Expression": QUERY, "Period": 60}]})


def _row(number: int, **changes: object) -> Body:
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "NumberOfMessagesSent",
        "Dimensions": [{"name": "QueueName", "value": f"q{number}"}],
    }
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, **changes}


@pytest.mark.parametrize("label", ["AWS.AccountId", ":aws.AccountId", "@aws.account", "aws.account"])
def test_the_account_of_a_contributor_is_the_one_that_its_labels_name(label: str) -> None:
    """A query over many accounts puts each contributor's resource in its own, and the account is no dimension."""
    found = _of_insights({label: OTHER, "InstanceId": "i-77"})
    assert found.metric is not None
    assert (dict(found.metric.dimensions), found.metric.account) == ({"InstanceId": "i-77"}, OTHER)
    assert (found.key.account, found.resource.account) == (ACCOUNT, OTHER)
    assert found.resource.arn == f"arn:aws:ec2:{REGION}:{OTHER}:instance/i-77"


def test_no_arn_for_a_contributor_of_another_region() -> None:
    """A region in the labels is no dimension; where it is not the alarm's, no ARN of the alarm's region is made up."""
    here, there = (_of_insights({"@aws.region": region, "InstanceId": "i-77"}) for region in (REGION, "us-west-2"))
    assert here.resource.arn == f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-77"
    assert (there.resource.type, there.resource.id, there.resource.arn) == ("ec2:instance", "i-77", None)


def test_the_account_of_a_promql_contributor_is_the_one_that_its_labels_name() -> None:
    """What PromQL labels name lies in the account that stands beside them."""
    criteria = {"EvaluationCriteria": {"PromQLCriteria": {"Query": "up == 0"}}}
    found = _contributor({"@aws.account": OTHER, "@aws.region": REGION, "service": "billing"}, criteria)
    assert (found.resource.account, found.resource.owner) == (OTHER, "service/billing")


def test_the_account_of_one_metric_is_not_that_of_its_neighbour() -> None:
    """Math over a queue of another account and one of the alarm's own has two owners: it is about the alarm."""
    rows = [_row(1, AccountId=OTHER), _row(2), {"Id": "e1", "Expression": "m1-m2"}]
    found = _alarm(sns_alarm(Trigger={"Metrics": rows})).resource
    assert (found.type, found.account) == ("alarm", ACCOUNT)
    same = [_row(1, AccountId=OTHER), {**_row(1), "Id": "m2"}, {"Id": "e1", "Expression": "m1-m2"}]
    assert _alarm(sns_alarm(Trigger={"Metrics": same})).resource.type == "alarm"
