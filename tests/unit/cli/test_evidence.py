import json

import pytest

from autocloudops.cli.evidence import SOURCES, print_policy
from autocloudops.cli.output import Output
from autocloudops.knowledge.policy import Place


def test_the_policy_is_printed_as_iam_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON output is the document itself, of allowing statements that grant every source its permissions."""
    print_policy(Place("aws", "eu-west-1", "111122223333"), Output.JSON)
    policy = json.loads(capsys.readouterr().out)
    assert policy["Version"] == "2012-10-17"
    assert {each["Effect"] for each in policy["Statement"]} == {"Allow"}
    granted = {action for each in policy["Statement"] for action in each["Action"]}
    assert granted == set().union(*(source.permissions for source in SOURCES))


def test_the_policy_is_printed_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Text output has one line for each statement: what for, actions, resources."""
    print_policy(Place(), Output.TEXT)
    lines = capsys.readouterr().out.splitlines()
    assert "ConfigurationSqs\tsqs:GetQueueAttributes, sqs:GetQueueUrl\tarn:aws:sqs:*:*:*" in lines
    assert "ConfigurationKinesis\tkinesis:DescribeStreamSummary\tarn:aws:kinesis:*:*:stream/*" in lines
