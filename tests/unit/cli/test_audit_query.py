import csv
import json
import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from audit_folder import CPU_INCIDENT, DATABASE_INCIDENT, TODAYS, write_audit
from reading_verbs import typed
from test_audit_story import EXECUTION, claim, lifecycle, log

from autocloudops.cli.audit_reading import query
from autocloudops.cli.output import Output
from autocloudops.errors import InputUnreadable, SettingsInvalid
