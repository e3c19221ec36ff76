"""How often AWS lets an account call each API, for the share that `Calls` takes of it.

Only pages that state a rate have a row; for everything else `Calls` assumes `DEFAULT_QUOTA`. Where a page gives a burst
and a sustained rate, the sustained one counts; where APIs share a rate, each is given its part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """The default quota of some APIs.

    Args:
        actions: their IAM actions.
        per_second: calls a second, for an account in a region.
        source: the page that says so.
    """

    actions: tuple[str, ...]
    per_second: float
    source: str


_CLOUDWATCH = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"
_EC2 = "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html"
_KINESIS = "https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStreamSummary.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_API_GATEWAY = "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"

QUOTAS: tuple[Quota, ...] = (
    Quota(("cloudwatch:DescribeAlarms",), 9, _CLOUDWATCH),
    Quota(("cloudwatch:DescribeAlarmHistory",), 3, _CLOUDWATCH),
    Quota(("cloudwatch:GetMetricData",), 50, _CLOUDWATCH),
    Quota(("ec2:DescribeInstances", "ec2:DescribeNatGateways", "ec2:DescribeVolumes"), 20, _EC2),
    Quota(("kinesis:DescribeStreamSummary",), 20, _KINESIS),
    Quota(("lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration"), 7.5, _LAMBDA),
    Quota(("apigateway:GET",), 10, _API_GATEWAY),
)
BY_ACTION: Mapping[str, float] = {action: quota.per_second for quota in QUOTAS for action in quota.actions}
