# Every target prepares what it needs by itself; script/setup does the work.
#   make demo PYTHON=python3.12      another Python       make test ARGS="-k wake"      further arguments

ARGS =
BIN = .venv/bin
export PYTHON
# In the locale C, Python 3.11 cannot find packages below a path with other letters than ASCII's.
ifneq ($(filter C POSIX,$(LC_ALL)),)
export LC_ALL = C.UTF-8
endif

.PHONY: help demo run test test-ha check bench clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

demo: .venv/.ready-demo ## wake word, Moshi, silence, MQTT: for real, without microphone, broker or weights
	$(BIN)/moshi-speaker demo $(ARGS)

run: .venv/.ready-run ## the speaker itself, with microphone and loudspeaker
	$(BIN)/moshi-speaker run $(ARGS)

# Debian keeps mosquitto in /usr/sbin, which is not on everybody's PATH.
test: .venv/.ready-test ## all tests but the slow ones
	PATH="$$PATH:/usr/local/sbin:/usr/sbin:/sbin" $(BIN)/python -m pytest -m "not slow and not homeassistant" $(ARGS)

test-ha: .venv/.ready-test ## the tests against a real Home Assistant, which this installs in .test-ha (4 minutes, 3 GB; wants root)
	script/test-ha $(ARGS)

check: .venv/.ready-test ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.ready-bench ## how fast this machine is, and other programs beside ours: table, JSON, pictures
	$(BIN)/python -m tests.bench $(ARGS)

clean: ## remove everything that make has made
	test ! -e .test-ha || script/test-ha --remove
	rm -rf .venv .venv-peers dist build demo-out bench-out audio-test.png .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready-%: pyproject.toml script/setup
	@script/setup $*
