"""Grouping under random alarms: out of order, repeated, decided or not, composites and their children."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from memory_audit import MemoryObjects
from memory_dynamodb import MemoryDynamo
from virtual_time import VirtualClock, VirtualTimeLoop

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, Metric, ResourceRef
from autocloudops.audit.writer import AuditWriter
from autocloudops.decisions.model import Policy
from autocloudops.incidents.grouping import change_of
from autocloudops.incidents.model import Incident, IncidentStatus, Joins, Placement, Reopens, Repeats, Windows
from autocloudops.incidents.relatives import child_keys
from autocloudops.incidents.store import IncidentStore
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.memory import MemoryIncidents

