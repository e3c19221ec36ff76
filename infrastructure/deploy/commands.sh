# shellcheck shell=bash
# What each command does.

command_plan() {
  preflight
  show_plan
}

show_plan() {
  local each
  echo "account $ACCOUNT, region $REGION, worker on $WORKER, mode $MODE"
  show_permissions
  for each in $(stack_names); do
    printf 'stack %-40s %s\n' "$PREFIX-$each" "$(stack_action "$each")"
  done
  show_endpoint_plan
  echo "cost: beside the endpoint a few dollars a month, for a Fargate task (36) or less on Lambda, keys (2) and logs"
}

show_endpoint_plan() {
  echo "endpoint $(endpoint_name): $(endpoint_action), $(instance_type)"
  show_quota
  local way dollars
  endpoint_costs | while IFS=$'\t' read -r way dollars; do printf '  %-14s %10s USD a month\n' "$way" "$dollars"; done
}

show_quota() {
  local quota
  $ADOPT && return
  quota=$(endpoint_plan | field found.quota)
  echo "  quota: ${quota:-not known, how many} instances of this type for endpoints"
}

command_apply() {
  preflight
  show_plan >&2
  confirm_lock
  confirm "Apply this?"
  local each
  for each in foundation audit roles runbooks; do apply_stack "$each"; done
  upload_policy
  ensure_endpoint
  apply_image
  for each in $(worker_stacks); do apply_stack "$each"; done
  ensure_control
  say "done: try it with \`$0 smoke --prefix $PREFIX --region $REGION\`"
}

apply_image() {
  [[ -n $IMAGE ]] || apply_stack image
  ensure_image
}

# Without this item nothing is ever done. One that is there is a person's, and stays.
ensure_control() {
  local item
  item=$("$PYTHON" -IS -c '
import json, sys
names = ("pk", "sk", "mode", "reason", "by")
print(json.dumps({name: {"S": value} for name, value in zip(names, sys.argv[1:])}))
' CONTROL CONTROL "$MODE" "first deployment" "$IDENTITY")
  if cloud dynamodb put-item --table-name "$PREFIX-state" --item "$item" \
    --condition-expression "attribute_not_exists(pk)" 2>/dev/null; then
    say "control item: $MODE"
  else
    say "control item: stays as it is; \`autocloudops mode set\` changes it"
  fi
}

command_status() {
  require_account
  local each
  for each in $(stack_names); do printf 'stack %-40s %s\n' "$PREFIX-$each" "$(stack_status "$each")"; done
  echo "endpoint $(endpoint_name): $(endpoint_found | field status)"
  worker_status
  for each in alarms alarms-dlq followups followups-dlq; do
    printf 'queue %-40s %s messages\n' "$PREFIX-$each" "$(queue_depth "$each")"
  done
  echo "control item: $(ask dynamodb get-item --table-name "$PREFIX-state" --query Item.mode.S \
    --key '{"pk": {"S": "CONTROL"}, "sk": {"S": "CONTROL"}}' 2>/dev/null || true)"
}

worker_status() {
  if [[ $WORKER == ecs ]]; then
    echo "worker: $(ask ecs describe-services --cluster "$PREFIX" --services "$PREFIX-worker" \
      --query "services[0].[runningCount, desiredCount]" 2>/dev/null | tr '\t' '/' || true) tasks run"
  else
    echo "worker: $(ask lambda get-function-configuration --function-name "$PREFIX-worker" --query State \
      2>/dev/null || true)"
  fi
}

queue_depth() {
  local url
  url=$(ask sqs get-queue-url --queue-name "$PREFIX-$1" --query QueueUrl 2>/dev/null) || { echo no; return; }
  ask sqs get-queue-attributes --queue-url "$url" --attribute-names ApproximateNumberOfMessages \
    --query Attributes.ApproximateNumberOfMessages
}

# The templates as they are, and the parameters in the form that `aws cloudformation create-stack --parameters` takes.
command_render() {
  require_account
  mkdir -p "$OUT"
  local each
  for each in $(stack_names); do
    cp "$TEMPLATES/$each.yaml" "$OUT/$each.yaml"
    parameters_of "$each" | parameters_as_json >"$OUT/$each.parameters.json"
  done
  cp -r "$ROOT/infrastructure/runbooks" "$OUT/"
  echo "$OUT: deploy in this order: $(stack_names | tr '\n' ' ')"
}

parameters_as_json() {
  "$PYTHON" -IS -c '
import json, sys
pairs = (line.rstrip("\n").partition("=") for line in sys.stdin)
print(json.dumps([{"ParameterKey": name, "ParameterValue": value} for name, _, value in pairs], indent=2))
'
}

command_destroy() {
  require_account
  refuse_with_leases
  confirm "Remove everything of $PREFIX but its audit, its state and its queues?"
  local each
  for each in dashboard observability endpoint-autoscaling worker-ecs worker-lambda; do remove_stack "$each"; done
  leave_endpoint
  for each in image runbooks roles; do remove_stack "$each"; done
  [[ $(stack_status foundation) == absent ]] || close_intake
  say "kept: s3://$(audit_bucket), the table $PREFIX-state, the queues, the keys, and the stacks that hold them"
}

# Whoever else uses the endpoint would lose it. One that was adopted is only given back.
refuse_with_leases() {
  local others
  $ADOPT && return
  others=$(other_leases)
  [[ -z $others ]] || fail "others use the endpoint $(endpoint_name): $others; they release it first" 1
}

close_intake() {
  INTAKE=DISABLED
  AUDIT_LOCK=$(stack_parameter foundation AuditLock)
  AUDIT_LOCK_DAYS=$(stack_parameter foundation AuditLockDays)
  apply_stack foundation
}
