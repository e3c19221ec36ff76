#!/usr/bin/env bash
# Builds the image as a build machine would, without a Docker engine, and looks at what is in it. Needs root and buildah.
#   worker/check-image.sh [BASE_IMAGE]
# PIP_CONFIG_FILE, if set, is how pip reaches its index from inside the build.
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER="${STORAGE_DRIVER:-vfs}" BUILDAH_ISOLATION=chroot
image=autocloudops:check

mounts=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
if [[ -n "${PIP_CONFIG_FILE:-}" ]]; then
  mounts+=(--volume "${PIP_CONFIG_FILE}:/etc/pip.conf:ro")
fi
buildah bud --quiet "${mounts[@]}" ${1:+--build-arg "BASE_IMAGE=$1"} --file worker/Dockerfile --tag "${image}" .

container=$(buildah from "${image}")
trap 'buildah rm "${container}" > /dev/null' EXIT
inside() { buildah run --user 10001:10001 "${container}" -- "$@"; }

inside autocloudops --version
inside python -c 'import os; assert os.getuid() == 10001 and not os.access("/opt/autocloudops", os.W_OK)'
inside python -c 'import autocloudops.cli.worker, autocloudops.cli.doctor, autocloudops.entrypoints.lambda_handler, awslambdaric'
for absent in autocloudops.sandbox nim_endpoint ministack boto3 pip; do
  inside python -c "import importlib.util as u, sys; sys.exit(u.find_spec('${absent}') is not None)"
done
status=0
inside autocloudops worker || status=$?
[[ "${status}" == 253 ]] || { echo "without settings the worker ended with ${status}, not 253" >&2; exit 1; }
echo "the image holds what it should: $(du -sh "$(buildah mount "${container}")/opt/autocloudops" | cut -f1)"
