from collections.abc import Mapping
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from autocloudops.queue.lean import open_lean
from autocloudops.queue.signing import Signer

REGION = "eu-west-1"
AT = datetime(2026, 11, 22, 3, 11, 42, tzinfo=UTC)
HEADERS = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "AmazonSQS.ReceiveMessage",
    "x-amzn-query-mode": "true",
}
HOSTS = {
    "https://sqs.eu-west-1.amazonaws.com": "sqs.eu-west-1.amazonaws.com",
    "https://sqs.eu-west-1.amazonaws.com/": "sqs.eu-west-1.amazonaws.com",
    "http://127.0.0.1:4566": "127.0.0.1:4566",
    "https://vpce.example:443/base": "vpce.example",
    "http://[::1]:4566/": "[::1]:4566",
}
RESOLVED: Mapping[str, Mapping[str, str]] = {
    "https://sqs.eu-west-1.amazonaws.com": {},
    "https://sqs-fips.us-east-1.amazonaws.com": {"AWS_REGION": "us-east-1", "AWS_USE_FIPS_ENDPOINT": "true"},
    "https://sqs.eu-west-1.api.aws": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "https://sqs.cn-north-1.amazonaws.com.cn": {"AWS_REGION": "cn-north-1"},
    "http://all.example:1": {"AWS_ENDPOINT_URL": "http://all.example:1"},
    "http://own.example:2": {
        "AWS_ENDPOINT_URL": "http://all.example:1",
        "AWS_ENDPOINT_URL_SQS": "http://own.example:2",
    },
}


def by_botocore(credentials: ReadOnlyCredentials, url: str, body: bytes) -> Mapping[str, str]:
    """Return the headers that botocore itself would send."""
    request = AWSRequest("POST", url, headers=HEADERS, data=body)
    SigV4Auth(credentials, "sqs", REGION).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(body=st.binary(max_size=200), token=st.sampled_from([None, "a token"]), url=st.sampled_from(sorted(HOSTS)))
def test_signatures_are_botocores(body: bytes, token: str | None, url: str) -> None:
    """For every body, endpoint and kind of credentials the signature is the one that botocore makes."""
    credentials = ReadOnlyCredentials("key", "secret", token)
    signer = Signer(credentials, REGION, url)
    with patch("autocloudops.queue.signing.get_current_datetime", return_value=AT):
        found = signer.signed("ReceiveMessage", body)
    with patch("botocore.auth.get_current_datetime", return_value=AT):
        wanted = by_botocore(credentials, url, body)
    assert {**found, "host": HOSTS[url]} == {**wanted, "host": HOSTS[url]}


@pytest.mark.parametrize("endpoint", RESOLVED)
async def test_the_endpoint_is_the_one_of_the_sdk(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """FIPS, dualstack, partitions and own endpoints are resolved as for every other client."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"):
        monkeypatch.delenv(name, raising=False)
    settings = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in {**settings, **RESOLVED[endpoint]}.items():
        monkeypatch.setenv(name, value)
    async with open_lean(1) as calls:
        assert str(calls._url) == f"{endpoint}/"
