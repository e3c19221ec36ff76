"""What the views of `audit query` show. A column that a later version adds is one row here.

Names are those of the record, except `time` for `at`, which is a word of SQL. Times are UTC.
"""

RECORD_COLUMNS = {
    "schema_version": "INTEGER",
    "outcome": "VARCHAR",
    "at": "TIMESTAMP",
    "event_id": "VARCHAR",
    "incident_id": "VARCHAR",
    "attempt": "INTEGER",
    "repeated": "BOOLEAN",
    "late": "BOOLEAN",
    "flapping": "JSON",
    "note": "VARCHAR",
    "label": "JSON",
    "delivery": "JSON",
    "alarm": "JSON",
    "event": "JSON",
    "unparseable": "JSON",
    "members": "VARCHAR[]",
    "previous_incident": "VARCHAR",
    "tied": "VARCHAR",
    "evidence": "JSON",
    "sources": "JSON",
    "model": "JSON",
    "decision": "JSON",
    "acting": "JSON",
    "findings": "JSON",
    "storm": "INTEGER",
    "writer": "VARCHAR",
    "number": "BIGINT",
    "prev": "VARCHAR",
}

ACTION_COLUMNS = {"schema_version": "INTEGER", "step": "VARCHAR", "at": "TIMESTAMP", "claim": "JSON"}

_RECORDS = """
CREATE VIEW records AS SELECT
    "at" AS "time", outcome, event_id, incident_id,
    alarm->>'$.key.account' AS account, alarm->>'$.key.region' AS region, alarm->>'$.key.name' AS alarm_name,
    alarm->>'$.state' AS state, alarm->>'$.resource.type' AS resource_type, alarm->>'$.resource.id' AS resource,
    alarm->>'$.resource.owner' AS owner, coalesce(repeated, false) AS repeated, coalesce(late, false) AS late,
    coalesce(storm, 0) AS storm, note, attempt, label, flapping, delivery, alarm, event, unparseable, members,
    previous_incident, tied, evidence, sources, model, decision, acting, findings, schema_version, writer, number, prev,
    replace(filename, {root}, '') AS object, dt
FROM lines WHERE {days}
"""

_DECISIONS = """
CREATE VIEW decisions AS SELECT
    "time", decision->>'$.verdict' AS verdict, decision->>'$.would_be' AS would_be, incident_id,
    decision->>'$.decision_id' AS decision_id, (decision->>'$.revision')::INTEGER AS revision, attempt,
    account, region, resource_type, resource, owner, alarm_name, alarm->>'$.kind' AS alarm_kind,
    (alarm->>'$.at')::TIMESTAMP AS alarm_time, coalesce(len(members), 0) AS alarms, storm,
    decision->>'$.diagnosis.root_cause' AS root_cause,
    (decision->>'$.diagnosis.confidence')::INTEGER AS confidence, decision->>'$.request.action' AS action,
    decision->>'$.request.runbook' AS runbook, decision->>'$.refused_by' AS refused_by, decision->>'$.mode' AS mode,
    decision->>'$.policy_version' AS policy_version, decision->'$.gates' AS gates,
    model->>'$.model' AS model, model->>'$.endpoint' AS endpoint, model->>'$.error' AS model_error,
    coalesce((model->>'$.requests')::INTEGER, 0) AS requests,
    coalesce((model->>'$.prompt_tokens')::BIGINT, 0) AS prompt_tokens,
    coalesce((model->>'$.completion_tokens')::BIGINT, 0) AS completion_tokens,
    coalesce((model->>'$.latency_seconds')::DOUBLE, 0) AS latency_seconds,
    (model->>'$.cost_usd')::DOUBLE AS cost_usd, model->>'$.prompt_sha256' AS prompt_sha256,
    writer, number, object, dt
FROM records WHERE outcome = 'decided' AND decision IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY decision_id ORDER BY coalesce(attempt, 0) DESC, "time" DESC) = 1
"""

_ACTIONS = """
CREATE VIEW actions AS SELECT
    "at" AS "time", step, claim->>'$.claim_id' AS claim_id, claim->>'$.incident_id' AS incident_id,
    claim->>'$.decision_id' AS decision_id, claim->>'$.request.action' AS action,
    claim->>'$.request.runbook' AS runbook, claim->>'$.request.target.account' AS account,
    claim->>'$.request.target.region' AS region, claim->>'$.request.target.type' AS target_type,
    claim->>'$.request.target.id' AS target, coalesce(claim->>'$.state', 'claimed') AS state,
    claim->>'$.helped' AS helped,
    coalesce((claim->>'$.approval')::BOOLEAN, false) AS approval, (claim->>'$.claimed_at')::TIMESTAMP AS claimed_at,
    (claim->>'$.ended_at')::TIMESTAMP AS ended_at, claim->>'$.execution_id' AS execution_id,
    claim->>'$.said' AS said, claim->'$.before' AS before, claim->'$.sent' AS sent, claim,
    replace(filename, {root}, '') AS object, dt
FROM entries WHERE {days}
"""

VIEWS = (_RECORDS, _DECISIONS, _ACTIONS)
