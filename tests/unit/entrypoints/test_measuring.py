"""Metrics are printed where the settings ask for them, and nowhere else."""

import json

import pytest
from audit_folder import CPU, ended

from autocloudops.audit.record import Outcome
from autocloudops.clock import SystemClock
from autocloudops.entrypoints.measuring import measuring_of


def test_nothing_is_measured_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a namespace there is nothing that measures."""
    monkeypatch.delenv("AUTOCLOUDOPS_METRICS_NAMESPACE", raising=False)
    assert measuring_of(SystemClock()) is None


def test_metrics_carry_the_deployment_s_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service is what the state table is named after, as in the alarms of the stacks."""
    monkeypatch.setenv("AUTOCLOUDOPS_METRICS_NAMESPACE", "AutoCloudOps")
    monkeypatch.setenv("AUTOCLOUDOPS_STATE_TABLE", "shop-state")
    measuring = measuring_of(SystemClock())
    assert measuring is not None
    measuring.kept(ended(CPU, Outcome.JOINED), 0.5)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["Service"], line["FlushLatency"]) == ("shop", [0.5])
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "AutoCloudOps"
