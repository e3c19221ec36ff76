#!/usr/bin/env bash
# Builds the image as a build machine would, without a Docker engine, looks at what is in it, and runs it as ECS would
# against the local stand-ins until SIGTERM. Needs root, buildah and runc, and what `make demo` installs.
#   worker/check-image.sh [BASE_IMAGE]
# Without BASE_IMAGE, debootstrap makes one of Debian's packages, once. PIP_CONFIG_FILE, if set, is how pip reaches its
# index from inside the build.
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER="${STORAGE_DRIVER:-vfs}" BUILDAH_ISOLATION=chroot
image=localhost/autocloudops:check
debian=localhost/autocloudops-base:bookworm

make_base() {
  local made root
  made=$(buildah from scratch)
  root=$(buildah mount "${made}")
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "${root}" >/dev/null
  buildah commit --quiet --format docker "${made}" "${debian}" >/dev/null
  buildah rm "${made}" >/dev/null
}

base=${1:-${debian}}
if [[ "${base}" == "${debian}" ]] && ! buildah inspect --type image "${debian}" >/dev/null 2>&1; then
  make_base
fi
mounts=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
if [[ -n "${PIP_CONFIG_FILE:-}" ]]; then
  mounts+=(--volume "${PIP_CONFIG_FILE}:/etc/pip.conf:ro")
fi
buildah bud --quiet --format docker "${mounts[@]}" --build-arg "BASE_IMAGE=${base}" --file worker/Dockerfile --tag "${image}" .

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
root=$(buildah mount "${container}")
echo "the image holds what it should: $(du -sh "${root}/opt/autocloudops" | cut -f1)"

buildah inspect --type image "${image}" | .venv/bin/python worker/check_drain.py "${root}"
