import json
import os
import sys
from asyncio import create_subprocess_exec, subprocess

from autocloudops.sandbox import sandbox

WORKS_FROM_THE_ENVIRONMENT = """
import json, os
import boto3

boto3.client("sqs").send_message(QueueUrl=os.environ["AUTOCLOUDOPS_QUEUE_URL"], MessageBody="one")
attributes = boto3.client("sqs").get_queue_attributes(
    QueueUrl=os.environ["AUTOCLOUDOPS_QUEUE_URL"], AttributeNames=["ApproximateNumberOfMessages"])
bucket = os.environ["AUTOCLOUDOPS_AUDIT_LOCATION"].removeprefix("s3://")
boto3.client("s3").put_object(Bucket=bucket, Key="k", Body=b"v")
boto3.client("sns").publish(TopicArn=os.environ["AUTOCLOUDOPS_NOTIFY_TOPIC_ARN"], Message="m")
boto3.client("dynamodb").put_item(
    TableName=os.environ["AUTOCLOUDOPS_STATE_TABLE"], Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
body = {
    "model": os.environ["AUTOCLOUDOPS_MODEL_NAME"],
    "messages": [{"role": "user", "content": "drill simulate:not_json"}],
    "max_tokens": 100,
}
answer = boto3.client("sagemaker-runtime").invoke_endpoint(
    EndpointName=os.environ["AUTOCLOUDOPS_MODEL_ENDPOINTS"].removeprefix("sagemaker://"),
    ContentType="application/json", Body=json.dumps(body).encode())
print(json.dumps([attributes["Attributes"]["ApproximateNumberOfMessages"], json.load(answer["Body"])["model"]]))
"""


async def test_a_process_works_in_the_sandbox_from_its_environment_alone() -> None:
    """A process that gets only the sandbox's variables reaches queue, bucket, topic, table and model endpoint."""
    async with sandbox() as local:
        process = await create_subprocess_exec(
            sys.executable,
            "-c",
            WORKS_FROM_THE_ENVIRONMENT,
            env={"PATH": os.environ["PATH"], **local.environment()},
            stdout=subprocess.PIPE,
        )
        said, _ = await process.communicate()
        stats = local.endpoint.stats
    assert json.loads(said) == ["1", "simulated/rules"]
    assert (stats.requests, dict(stats.misbehaviours)) == (1, {"not_json": 1})
