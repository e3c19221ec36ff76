# shellcheck shell=bash
# One synthetic alarm from the intake to the audit.

command_smoke() {
  require_account
  read_stacks
  [[ $(stack_status foundation) != absent ]] || fail "$PREFIX is not deployed here: \`$0 apply\` first"
  local name since
  name="$PREFIX-smoke-$(date -u +%s)-$$"
  since=$(minutes_ago 5)
  cloud sqs send-message --queue-url "$(output_of foundation AlarmQueueUrl)" \
    --message-body "$(smoke_alarm "$name" "$(minutes_ago 0)")" >/dev/null || fail "the alarm was not sent" 254
  say "sent: the alarm $name; its audit record is waited for, $TIMEOUT s at most"
  wait_for_record "$name" "$since"
}

minutes_ago() {
  "$PYTHON" -IS -c '
import sys, time
print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60 * int(sys.argv[1]))))
' "$1"
}

# CloudWatch's own form of an event, about a metric that nobody publishes.
smoke_alarm() {
  "$PYTHON" -IS -c '
import json, sys
name, at, account, region, partition = sys.argv[1:]
metric = {"namespace": "AutoCloudOps/Smoke", "name": "Nothing", "dimensions": {"Test": name}}
stat = {"metric": metric, "period": 60, "stat": "Sum"}
print(json.dumps({
    "version": "0", "id": name, "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change",
    "account": account, "region": region, "time": at,
    "resources": [f"arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"],
    "detail": {
        "alarmName": name,
        "state": {"value": "ALARM", "reason": "smoke test of a deployment", "timestamp": at.replace("Z", ".000+0000")},
        "previousState": {"value": "OK", "timestamp": at.replace("Z", ".000+0000")},
        "configuration": {"metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]},
    },
}))
' "$1" "$2" "$ACCOUNT" "$REGION" "$PARTITION"
}

wait_for_record() {
  local end=$((SECONDS + TIMEOUT)) seen=" " key
  while ((SECONDS < end)); do
    for key in $(new_objects "$2"); do
      [[ $seen == *" $key "* ]] && continue
      seen+="$key "
      cloud s3api get-object --bucket "$(audit_bucket)" --key "$key" "$MEMORY/object" >/dev/null
      if gzip -dc "$MEMORY/object" | grep -F "\"$1\"" | told_end "$key"; then return; fi
    done
    sleep "$POLL_SECONDS"
  done
  fail "no decision about $1 in $TIMEOUT s; \`$0 status\` and the worker's log say more" 1
}

# The keys of audit objects that were written since then, in the folders of that hour and of this one. Some minutes are
# added before the alarm was sent: this clock may be ahead of S3's.
new_objects() {
  local hour
  for hour in $(printf '%s\n' "$(cut -c1-13 <<<"$1")" "$(date -u +%Y-%m-%dT%H)" | sort -u); do
    ask s3api list-objects-v2 --bucket "$(audit_bucket)" --prefix "audit/v1/decisions/dt=${hour%T*}/hour=${hour#*T}/" \
      --query "Contents[?LastModified>='${1%Z}'].Key" || true
  done | tr '\t' '\n'
}

# Prints how the alarm ended; fails where none of the lines ends it.
told_end() {
  "$PYTHON" -IS -c '
import json, sys
for line in sys.stdin:
    record = json.loads(line)
    if record["outcome"] == "decided":
        print("decided:", record["decision"]["verdict"], "in", sys.argv[1])
        sys.exit()
sys.exit(1)
' "$1"
}
