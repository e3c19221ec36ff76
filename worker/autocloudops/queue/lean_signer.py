"""botocore's Signature Version 4 for the calls of one endpoint, without what it works out anew for each of them."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import ReadOnlyCredentials

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
        host: of the URL, with its port unless that is the scheme's own.
    """

    def __init__(self, credentials: ReadOnlyCredentials, region: str, url: str, host: str) -> None:
        super().__init__(credentials, SERVICE, region)
        self._url = url
        self._host = host
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
        post = Post(self._url, headers, body)
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
