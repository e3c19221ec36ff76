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
  echo "endpoint $ENDPOINT: $ENDPOINT_ACTION, $INSTANCE_TYPE"
  $ADOPT || echo "  quota: ${QUOTA:-not known, how many} instances of this type for endpoints"
  local way dollars
  endpoint_costs | while IFS=$'\t' read -r way dollars; do printf '  %-14s %10s USD a month\n' "$way" "$dollars"; done
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
    --condition-expression "attribute_not_exists(pk)" 2>"$MEMORY/error"; then
    say "control item: $MODE"
  elif grep -q ConditionalCheckFailedException "$MEMORY/error"; then
    say "control item: stays as it is; \`autocloudops mode set\` changes it"
  else
    fail "the control item was not written: $(cat "$MEMORY/error")" 254
  fi
}

command_status() {
  require_account
  read_stacks
  name_endpoint
  find_endpoint
  local each
  for each in $(stack_names); do printf 'stack %-40s %s\n' "$PREFIX-$each" "$(stack_status "$each")"; done
  echo "endpoint $ENDPOINT: ${ENDPOINT_STATUS:-absent}"
  [[ $(stack_status foundation) != absent ]] || return 0
  worker_status
  for each in AlarmQueue AlarmDlq FollowUpQueue FollowUpDlq; do
    printf 'queue %-40s %s messages\n' "$each" "$(queue_depth "$(output_of foundation "${each}Url")")"
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
  ask sqs get-queue-attributes --queue-url "$1" --attribute-names ApproximateNumberOfMessages \
    --query Attributes.ApproximateNumberOfMessages
}

# The templates as they are, and the parameters in the form that `aws cloudformation create-stack --parameters` takes.
command_render() {
  require_account
  read_stacks
  look_at_endpoint
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
  read_stacks
  name_endpoint
  find_endpoint
  refuse_with_leases
  confirm "Remove everything of $PREFIX but its audit, its state and its queues?"
  remove_stacks dashboard observability endpoint-autoscaling worker-ecs worker-lambda
  leave_endpoint
  remove_stacks image runbooks roles
  [[ $(stack_status foundation) == absent ]] || close_intake
  say "kept: s3://$(audit_bucket), the table $PREFIX-state, the queues, the keys, and the stacks that hold them"
}

# Whoever else uses the endpoint would lose it. One that was adopted is only given back.
refuse_with_leases() {
  local others
  $ADOPT && return
  others=$(other_leases)
  [[ -z $others ]] || fail "others use the endpoint $ENDPOINT: $others; they release it first" 1
}

close_intake() {
  INTAKE=DISABLED
  AUDIT_LOCK=$(stack_fact foundation parameter-AuditLock)
  AUDIT_LOCK_DAYS=$(stack_fact foundation parameter-AuditLockDays)
  apply_stack foundation
}
