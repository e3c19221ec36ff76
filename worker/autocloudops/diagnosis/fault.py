"""Why a reply of the model is no diagnosis."""

from enum import StrEnum

from autocloudops.values import Value


class FaultCode(StrEnum):
    """What is wrong with a reply."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    REASONING_ONLY = "reasoning_only"
    TOO_LONG = "too_long"
    NOT_JSON = "not_json"
    PROSE_AROUND = "prose_around"
    TWO_OBJECTS = "two_objects"
    KEY_TWICE = "key_twice"
    NOT_OBJECT = "not_object"
    WRONG_SCHEMA = "wrong_schema"
    WRONG_ACTION = "wrong_action"
    UNCITED = "uncited"
    SELF_CONTRADICTING = "self_contradicting"


class ReplyFault(Value):
    """Why a reply is no diagnosis; `detail` says it in words, cleaned and bounded."""

    code: FaultCode
    detail: str
