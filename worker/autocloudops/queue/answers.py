"""How the answers of SQS are read: they are JSON, without times and bytes that would need more than that."""

import json
from collections.abc import Mapping
from typing import Any

from aiobotocore.parsers import AioJSONParser, AioResponseParserFactory
from botocore.model import Shape
from botocore.parsers import ResponseParserError

FIRST_ERROR_STATUS = 300


def parsed(content: bytes) -> dict[str, Any]:
    """Read an answer. A page of some gateway, or nothing, is none, though botocore 1.43 takes it for an empty one.

    Raises:
        ResponseParserError: it is no answer of SQS.
    """
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ResponseParserError(f"no answer of SQS: {content[:80]!r}")
    return found


class PlainParser(AioJSONParser):
    """botocore's parser, which walks through no shapes but for errors."""

    async def parse(self, response: Mapping[str, Any], shape: Shape) -> Any:  # noqa: ANN401 - what botocore's returns
        """Return what an answer says.

        Args:
            response: with `status_code`, `headers` and `body`.
            shape: that an error may have.

        Raises:
            ResponseParserError: it is no answer of SQS.
        """
        if response["status_code"] < FIRST_ERROR_STATUS:
            return parsed(response["body"])
        return await super().parse(response, shape)


class PlainParsers(AioResponseParserFactory):
    """What botocore asks for a parser of each answer."""

    def create_parser(self, protocol_name: str) -> PlainParser:
        """Return one for the protocol of SQS, whatever the name."""
        del protocol_name
        return PlainParser()
