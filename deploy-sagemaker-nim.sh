#!/usr/bin/env bash
# AutoCloudOps from nothing to a working system, and back: plan, apply, status, smoke, render, destroy.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
DEPLOY="$ROOT/infrastructure/deploy"
TEMPLATES="$ROOT/infrastructure/cloudformation"
export ROOT TEMPLATES

usage() {
  cat <<'TEXT'
Usage: deploy-sagemaker-nim.sh [COMMAND] [OPTIONS]

Commands
  plan      what would be made, and what it would cost; changes nothing (the default)
  apply     make it, or bring it up to date; can be interrupted and run again
  status    how everything is
  smoke     send one synthetic alarm, and wait for its audit record
  render    write templates and parameters to --out, for a pipeline of your own
  destroy   remove what runs and what costs by the hour; the audit, the state and the queues stay

Options
  --worker ecs|lambda        how the worker runs (ecs)
  --mode MODE                off, dry-run, approve or active: the highest mode of the worker (dry-run)
  --region REGION            else AWS_REGION, AWS_DEFAULT_REGION or the profile's
  --prefix NAME              the start of every name (autocloudops)
  --endpoint NAME            the SageMaker endpoint, made or reused (the spec's)
  --adopt                    use --endpoint as it is, whoever made it, and never change it
  --component NAME           with --adopt: the inference component that is asked
  --spec NAME|FILE           what to serve, see docs/endpoints.md (llm-marketplace)
  --set NAME=VALUE           a value that the spec leaves open; may be repeated
  --key-in-environment       for the route that cannot do without, see docs/endpoints.md
  --consumer NAME            who holds the lease on the endpoint (the prefix)
  --max-monthly-usd N        refuse to spend more than this a month
  --least N, --most N        how many instances or copies the endpoint has (1, 1); 0 lets a component sleep
  --endpoint-concurrency N   how many requests the endpoint takes at once (32)
  --image URI                the worker's image; else it is built
  --subnets A,B              where the tasks of ECS run
  --security-groups A,B      of these tasks
  --public-ip                tasks get a public address: for subnets without NAT
  --spot                     all tasks of ECS but the first on Fargate Spot
  --policy FILE              what may be done, see docs/policy.md; without one nothing is ever done
  --audit-lock LOCK          GOVERNANCE, COMPLIANCE or NONE (GOVERNANCE)
  --audit-lock-days N        how long audit objects are locked (90)
  --out DIR                  for render
  --timeout SECONDS          for smoke (180)
  --yes                      ask nothing
TEXT
}

# shellcheck source=infrastructure/deploy/options.sh
source "$DEPLOY/options.sh"
# shellcheck source=infrastructure/deploy/cloud.sh
source "$DEPLOY/cloud.sh"
# shellcheck source=infrastructure/deploy/stacks.sh
source "$DEPLOY/stacks.sh"
# shellcheck source=infrastructure/deploy/endpoint.sh
source "$DEPLOY/endpoint.sh"
# shellcheck source=infrastructure/deploy/image.sh
source "$DEPLOY/image.sh"
# shellcheck source=infrastructure/deploy/preflight.sh
source "$DEPLOY/preflight.sh"
# shellcheck source=infrastructure/deploy/commands.sh
source "$DEPLOY/commands.sh"
# shellcheck source=infrastructure/deploy/smoke.sh
source "$DEPLOY/smoke.sh"

interrupted() {
  say "interrupted: what is done stays done; run the same command again to go on"
  exit "$1"
}

main() {
  read_options "$@"
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
  require_tools
  "command_$COMMAND"
}

main "$@"
