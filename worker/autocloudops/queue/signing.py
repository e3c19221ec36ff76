"""botocore's Signature Version 4 for the calls of one endpoint, without what it works out anew for each of them."""

from functools import lru_cache
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from aiobotocore.credentials import AioCredentials
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import get_current_datetime
from botocore.credentials import ReadOnlyCredentials
from yarl import URL

SERVICE = "sqs"
CONTENT_TYPE = "application/x-amz-json-1.0"
KEY_STEPS = 4


class Post(NamedTuple):
    """What botocore's signer reads of a request: its URL, its body, and in `context` the time of the signature."""

    url: str
    body: bytes
    context: dict[str, str]


class Signer(SigV4Auth):
    """Signs calls of the JSON protocol with one set of credentials.

    Every call has the same headers in the same order, so that the canonical request is a matter of joining lines; and
    the signing key is derived once a day. Both take more than four fifths of the time that botocore 1.43 needs to sign.
    Hashes, keys, scope and signature are made by its own functions.

    Args:
        credentials: as botocore froze them.
        region: that the endpoint is in.
        url: of every call.
    """

    def __init__(self, credentials: ReadOnlyCredentials, region: str, url: str) -> None:
        super().__init__(credentials, SERVICE, region)
        self.url = url
        self._host = _host(URL(url, encoded=True))
        self._path = super()._normalize_url_path(urlsplit(url).path)  # type: ignore[misc] # stubs lack private names
        self._derive = lru_cache(2 * KEY_STEPS)(super()._sign)  # type: ignore[misc] # likewise

    def signed(self, action: str, body: bytes) -> dict[str, str]:
        """Return the headers of a call, all of them signed.

        Source: AWS SigV4, "Create a signed AWS API request".
        """
        at = get_current_datetime().strftime(SIGV4_TIMESTAMP)
        request = cast("AWSRequest", Post(self.url, body, {"timestamp": at}))
        headers = self._in_order(action, at)
        names = ";".join(headers)
        lines = [f"{name}:{value}" for name, value in headers.items()]
        canonical = "\n".join(("POST", self._path, "", *lines, "", names, self.payload(request)))
        signature = self.signature(self.string_to_sign(request, canonical), request)
        credential = f"AWS4-HMAC-SHA256 Credential={self.scope(request)}"
        headers["authorization"] = f"{credential}, SignedHeaders={names}, Signature={signature}"
        return headers

    def _in_order(self, action: str, at: str) -> dict[str, str]:
        """Return what is signed, sorted by name."""
        token = self.credentials.token
        return {
            "content-type": CONTENT_TYPE,
            "host": self._host,
            "x-amz-date": at,
            **({"x-amz-security-token": token} if token else {}),
            "x-amz-target": f"AmazonSQS.{action}",
            "x-amzn-query-mode": "true",
        }

    def _sign(self, key: bytes, msg: str, hex: bool = False) -> bytes | str:  # noqa: A002 - botocore's
        """Remember the steps from the secret to the key of a day; only the last step is about the call."""
        signed: bytes | str = super()._sign(key, msg, hex) if hex else self._derive(key, msg)  # type: ignore[misc]
        return signed


class Signing:
    """Signs with the credentials of the moment: botocore refreshes them when they are about to expire.

    Args:
        credentials: botocore's.
        region: that calls are signed for.
    """

    def __init__(self, credentials: AioCredentials, region: str) -> None:
        self._credentials = credentials
        self._region = region
        self._signer: Signer | None = None

    async def headers(self, url: str, action: str, body: bytes) -> dict[str, str]:
        """Return the signed headers of a call.

        Args:
            url: the endpoint, with its path.
            action: as `ReceiveMessage`.
            body: the call in JSON.
        """
        credentials = await self._credentials.get_frozen_credentials()
        signer = self._signer
        if signer is None or signer.credentials != credentials or signer.url != url:
            self._signer = signer = Signer(credentials, self._region, url)
        return signer.signed(action, body)


def _host(url: URL) -> str:
    return str(url.host_subcomponent) if url.is_default_port() else f"{url.host_subcomponent}:{url.port}"
