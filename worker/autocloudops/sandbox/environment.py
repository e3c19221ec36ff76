"""The environment of a worker process that works against the sandbox."""

import os
from collections.abc import Mapping

from autocloudops.sandbox.endpoint import SimulatedEndpoint
from autocloudops.sandbox.foundation import DUMMY_CREDENTIAL, SandboxResources


def environment(resources: SandboxResources, endpoint: SimulatedEndpoint, beside: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that point the AWS SDKs and the settings at the sandbox, to be laid over `os.environ`.

    The user's own AWS files are hidden, so that no profile, endpoint or credential of theirs is used.

    Args:
        resources: the embedded AWS.
        endpoint: the simulated model endpoint, running.
        beside: the variables of what else stands in for a service of AWS.
    """
    sdk = {
        **beside,
        "AWS_ENDPOINT_URL": resources.endpoint_url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": endpoint.url,
        "AWS_ACCESS_KEY_ID": DUMMY_CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": DUMMY_CREDENTIAL,
        "AWS_REGION": resources.region,
        "AWS_DEFAULT_REGION": resources.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }
    settings = {
        "AUTOCLOUDOPS_QUEUE_URL": resources.queue_url,
        "AUTOCLOUDOPS_QUEUE_DLQ_URL": resources.dlq_url,
        "AUTOCLOUDOPS_MODEL_ENDPOINTS": f"sagemaker://{endpoint.name}",
        "AUTOCLOUDOPS_MODEL_NAME": endpoint.model,
        "AUTOCLOUDOPS_AUDIT_LOCATION": f"s3://{resources.audit_bucket}",
        "AUTOCLOUDOPS_STATE_TABLE": resources.state_table,
        "AUTOCLOUDOPS_NOTIFY_TOPIC_ARN": resources.decisions_topic_arn,
        "AUTOCLOUDOPS_ACTION_FOLLOWUPS_URL": resources.follow_up_url,
        "AUTOCLOUDOPS_ACTION_FOLLOWUPS_DLQ_URL": resources.follow_up_dlq_url,
    }
    return sdk | settings
