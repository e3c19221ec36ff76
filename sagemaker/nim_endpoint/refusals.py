"""What SageMaker's refusals mean.

It answers most of them with the one code ValidationException, so that the words have to tell. They are those of the API
as seen by many users; its documentation does not promise them.
"""

from botocore.exceptions import ClientError

from autocloudops.aws import error_code, error_message

ABSENT = ("could not find", "does not exist")
TAKEN = ("already existing", "already exists")
BUSY = ("in-progress",)
IN_USE = frozenset({"ResourceInUse", "ResourceInUseException", "ConflictException"})
NOT_REGISTERED = "ObjectNotFoundException"
QUOTA = "ResourceLimitExceeded"


def is_absent(error: ClientError) -> bool:
    """Say whether what the call names is not there, or not yet: a new name is seen everywhere only in a while."""
    return error_code(error) == NOT_REGISTERED or _says(error, ABSENT)


def is_overtaken(error: ClientError) -> bool:
    """Say whether somebody was faster: the name is taken, or another change of it is under way."""
    return error_code(error) in IN_USE or _says(error, TAKEN + BUSY)


def is_quota(error: ClientError) -> bool:
    """Say whether the account may not hold as much."""
    return error_code(error) == QUOTA


def _says(error: ClientError, words: tuple[str, ...]) -> bool:
    said = error_message(error).lower()
    return any(each in said for each in words)
