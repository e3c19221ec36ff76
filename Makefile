PYTHON ?= python3
VENV := .venv
MODEL := rules
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

# Compiled modules and rewritten assertions are kept: a run starts hundreds of interpreters.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test deploy-tools test-deploy lint soak clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/$(MODEL).stamp ## Install into .venv and triage a bundled storm against local stand-ins (MODEL=llama: a tiny model)
	$(BIN)/autocloudops demo --model $(MODEL)

# What takes longest begins first: left to itself, xdist begins with the files that hold the most tests, and the longest
# ones come last, side by side. Three processes keep two cores busy; each more collects, imports and emulates once more.
TESTS := $(addprefix tests/,simulation e2e unit/incidents/test_interleavings.py contract property unit)
COLLECT := $(BIN)/python -m pytest --collect-only --quiet

test: $(VENV)/test.stamp $(VENV)/compiled.stamp ## Install and run the tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not soak" $(TESTS)

# Collecting compiles each test file once, not once in each of the three processes.
$(VENV)/compiled.stamp: $(VENV)/test.stamp $(shell find tests -name '*.py')
	$(COLLECT) tests/unit >/dev/null & $(COLLECT) tests/contract tests/e2e tests/property tests/simulation >/dev/null & wait
	@touch $@

lint: $(VENV)/test.stamp $(VENV)/checkov.stamp ## Check style, types, import rules and templates
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infrastructure/cloudformation/*.yaml
	$(BIN)/python infrastructure/lint/validate.py
	$(BIN)/shellcheck -x -a deploy-sagemaker-nim.sh
	$(VENV)/checkov/bin/checkov --config-file infrastructure/lint/checkov.yaml -d infrastructure/cloudformation

soak: $(VENV)/test.stamp ## Run the long versions of the tests, for an hour on two cores
	$(BIN)/python -m pytest -n 2 --dist worksteal --verbose --durations 20 -m soak $(TESTS)
	$(MAKE) --jobs 2 $(DEPLOY)/stamp $(DEPLOY)-aws/stamp
	$(DEPLOYING) --verbose -m soak $(DEPLOY_TESTS)

clean: ## Remove what was installed, built or left by a demo
	rm -rf $(VENV) $(DEPLOY) $(DEPLOY)-aws .autocloudops .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist

# The SageMaker SDK (about 0.4 GB), the AWS CLI and checkov each want other versions of some packages than the rest.
# Of the SDK only the part is installed that the code imports: all of it is twice as much.
DEPLOY := .venv-deploy
DEPLOY_TESTS := tests/e2e/test_deploy.py tests/contract/nim_endpoint tests/contract/sandbox/test_control_plane_sdk.py \
	tests/contract/test_sagemaker_namespace.py tests/e2e/test_deploy_script.py
DEPLOYING = AUTOCLOUDOPS_TEST_AWS=$(CURDIR)/$(DEPLOY)-aws/bin $(DEPLOY)/bin/python -m pytest

deploy-tools: $(DEPLOY)/stamp ## Install `autocloudops` with the SageMaker SDK into .venv-deploy

# Both environments are installed at the same time: pip waits for its index most of the time.
test-deploy: ## Deploy to stand-ins with the AWS CLI and the SageMaker SDK
	$(MAKE) --jobs 2 $(DEPLOY)/stamp $(DEPLOY)-aws/stamp
	$(DEPLOYING) -n 2 --dist loadfile --no-loadscope-reorder -m "not soak" $(DEPLOY_TESTS)

$(DEPLOY)/stamp: constraints.txt infrastructure/deploy/constraints.txt pyproject.toml
	$(PYTHON) -m venv $(DEPLOY)
	sed 's/^/^/; s/==.*/==/' infrastructure/deploy/constraints.txt | grep -vf - constraints.txt \
		| cat - infrastructure/deploy/constraints.txt > $(DEPLOY)/constraints.txt
	$(DEPLOY)/bin/python -m pip install --quiet --constraint constraints.txt pip
	$(DEPLOY)/bin/python -m pip install --quiet --no-compile --prefer-binary --constraint $(DEPLOY)/constraints.txt \
		--editable '.[deploy,local,knowledge]' --group test
	@touch $@

$(DEPLOY)-aws/stamp:
	$(PYTHON) -m venv $(DEPLOY)-aws
	$(DEPLOY)-aws/bin/python -m pip install --quiet --no-compile --only-binary :all: awscli==1.46.3
	@touch $@

$(VENV)/checkov.stamp: $(VENV)/pip.stamp
	$(PYTHON) -m venv $(VENV)/checkov
	$(VENV)/checkov/bin/python -m pip install --quiet checkov==3.3.30
	@touch $@

$(VENV)/pip.stamp: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) pip
	@touch $@

$(VENV)/rules.stamp: $(VENV)/pip.stamp pyproject.toml
	$(PIP) --editable '.[knowledge,local]'
	@touch $@

$(VENV)/llama.stamp: $(VENV)/rules.stamp
	$(PIP) --editable '.[llama]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/llama.stamp
	$(PIP) --group test --group lint
	@touch $@
