import gzip
import json
from pathlib import Path

import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import create_loader

from autocloudops import service_models

SERVICES = ("cloudwatch", "dynamodb", "s3", "sagemaker-runtime", "sns", "sqs", "ssm")
THEIRS = create_loader(None)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_read_as_botocore_reads_it(service: str) -> None:
    """What is quicker says the same, in the same order, with the SDK's own additions."""
    ours = service_models.loader(None)
    for kind in ("service-2", "endpoint-rule-set-1"):
        read = ours.load_service_model(service, kind)
        assert json.dumps(read) == json.dumps(THEIRS.load_service_model(service, kind))


@pytest.mark.parametrize("name", ["endpoints", "partitions", "sdk-default-configuration", "_retry"])
def test_what_is_of_no_service_is_read_as_botocore_reads_it(name: str) -> None:
    """Regions, partitions and defaults are the same too."""
    assert json.dumps(service_models.loader(None).load_data(name)) == json.dumps(THEIRS.load_data(name))


@pytest.mark.parametrize("packed", [False, True])
def test_models_of_ones_own_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, packed: bool) -> None:
    """AWS_DATA_PATH may name several folders, with variables in them, and their files count before botocore's."""
    monkeypatch.setenv("MODELS", str(tmp_path / "models"))
    folder = tmp_path / "models" / "sqs" / "2099-01-01"
    folder.mkdir(parents=True)
    model = json.dumps({"version": "2.0", "metadata": {"serviceId": "ours"}}).encode()
    if packed:
        (folder / "service-2.json.gz").write_bytes(gzip.compress(model))
    else:
        (folder / "service-2.json").write_bytes(model)
    read = service_models.loader(f"{tmp_path / 'none'}:$MODELS").load_service_model("sqs", "service-2")
    assert read["metadata"] == {"serviceId": "ours"}


def test_a_service_that_nobody_knows_is_named() -> None:
    """Whoever mistypes a service reads which there are, as with botocore."""
    loader = service_models.loader(None)
    with pytest.raises(UnknownServiceError, match=r"sqz.*sqs"):
        loader.load_service_model("sqz", "service-2")
    with pytest.raises(DataNotFoundError):
        loader.load_data("no-such-file")
    assert set(THEIRS.list_available_services("service-2")) <= set(loader.list_available_services("service-2"))
