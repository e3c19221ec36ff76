from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from audit_folder import CPU, CPU_INCIDENT, DELIVERY, EVENT, decided

from autocloudops.alarms.model import Alarm, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.audit.reader import Found
from autocloudops.audit.record import AuditRecord, Outcome, StoredRecord
from autocloudops.cli.demo.check import Course, differences
from autocloudops.cli.demo.outside import Parked, Told
from autocloudops.cli.demo.summary import example, lines, summarise
from autocloudops.sandbox.samples import Sample, load
