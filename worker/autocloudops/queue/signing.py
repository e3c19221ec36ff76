"""botocore's Signature Version 4 for the calls of one endpoint, without what it works out anew for each of them."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

from aiobotocore.credentials import AioCredentials
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import ReadOnlyCredentials
from yarl import URL

SERVICE = "sqs"
CONTENT_TYPE = "application/x-amz-json-1.0"
DATE, TOKEN = "X-Amz-Date", "X-Amz-Security-Token"
KEY_STEPS = 4


@dataclass(slots=True)
class Post:
    """What botocore's signer reads of a request, and the headers that it writes."""

    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    context: dict[str, object] = field(default_factory=dict)


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
        token = [TOKEN] if credentials.token else []
        self._headers = ("content-type", "host", DATE, *token, "x-amz-target", "x-amzn-query-mode")
        self._names = ";".join(self._headers).lower()
        self._derive = lru_cache(2 * KEY_STEPS)(super()._sign)  # type: ignore[misc] # likewise

    def signed(self, action: str, body: bytes) -> dict[str, str]:
        """Return the headers of a call, all of them signed."""
        headers = {
            "content-type": CONTENT_TYPE,
            "host": self._host,
            "x-amz-target": f"AmazonSQS.{action}",
            "x-amzn-query-mode": "true",
        }
        post = Post(self.url, headers, body)
        self.add_auth(cast("AWSRequest", post))
        return post.headers

    def canonical_request(self, request: AWSRequest) -> str:
        """Return method, path, an empty query, headers in order, and the hash of the body, on a line each.

        Source: AWS SigV4, "Create a canonical request".
        """
        headers = [f"{name.lower()}:{request.headers[name]}" for name in self._headers]
        return "\n".join(("POST", self._path, "", *headers, "", self._names, self.payload(request)))

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """Return the headers as they are: their names are known."""
        return request.headers

    def signed_headers(self, headers_to_sign: object) -> str:
        """Return the names of the headers, which are those of every call."""
        del headers_to_sign
        return self._names

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
