# `make help` lists what there is.
.PHONY: help demo up test lint

target := $(or $(CARGO_TARGET_DIR),target)
lab := $(target)/release/examples/lab

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## Place one call in a world of real phones, show all that comes of it, and stop
	@cargo build --quiet --release --locked --bin dialbridge --example lab
	@$(lab) demo

up: ## Run that world in the foreground until Ctrl-C, with curl lines to try
	@cargo build --quiet --release --locked --bin dialbridge --example lab
	@$(lab) up

test: ## Run everything: units, properties, and live calls on both versions of Asterisk
	@tests/lab/provision.sh
	@tests/webhooks/install.sh
	@cargo build --quiet --locked --bin dialbridge --example lab
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked; else cargo test --locked --all-targets; fi

lint: ## Check form, lints, documentation, dependencies, scripts and the unit
	@.ci/lint
