"""What SageMaker's refusals mean.

It answers most of them with the one code ValidationException, so that the words have to tell. They are those of the API
as seen by many users; its documentation does not promise them.
"""

from botocore.exceptions import ClientError

from autocloudops.aws import error_code, error_message
from nim_endpoint.planning import MORE_QUOTA, SUBSCRIBE

ABSENT = ("could not find", "does not exist")
TAKEN = ("already existing", "already exists")
BUSY = ("in-progress",)
UNSUBSCRIBED = ("not subscribed to the marketplace offering",)
NO_VARIABLES = ("environment variable map cannot be specified",)
IN_USE = frozenset({"ResourceInUse", "ResourceInUseException", "ConflictException"})
NOT_REGISTERED = "ObjectNotFoundException"
QUOTA = "ResourceLimitExceeded"
DROP_VARIABLES = "this listing takes no variables: leave `environment` out of the spec"
OTHER_NAME = "another name may differ from it in case only: `aws sagemaker list-endpoints` shows it"


def is_absent(error: ClientError) -> bool:
    """Say whether what the call names is not there, or not yet: a new name is seen everywhere only in a while."""
    return error_code(error) == NOT_REGISTERED or _says(error, ABSENT)


def is_taken(error: ClientError) -> bool:
    """Say whether somebody was faster: there is one of that name."""
    return _says(error, TAKEN)


def is_busy(error: ClientError) -> bool:
    """Say whether another change is under way."""
    return error_code(error) in IN_USE or _says(error, BUSY)


def advice(error: ClientError) -> str:
    """Return what to do about a refusal that does not pass by itself; empty where nothing is known of it."""
    known = {UNSUBSCRIBED: SUBSCRIBE, NO_VARIABLES: DROP_VARIABLES, TAKEN: OTHER_NAME}
    if error_code(error) == QUOTA:
        return MORE_QUOTA
    return next((what for words, what in known.items() if _says(error, words)), "")


def _says(error: ClientError, words: tuple[str, ...]) -> bool:
    said = error_message(error).lower()
    return any(each in said for each in words)
