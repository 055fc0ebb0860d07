# Every target installs what Debian or Ubuntu has and this machine lacks, and says so.
#   make demo [SEED=7] [HEADLESS=1] [LATENCY_MS=300]   the simulated robot fetches the bottle
#   make test      what continuous integration runs
#   make verify    the long proof: many seeds, faults, soak, races; writes out/verify.json
#   make bench     measures the suite on this machine
#   make lint      gofmt, go vet with every tag that can be built here, staticcheck
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SEED ?= 1
HEADLESS ?=
LATENCY_MS ?= -1
OUT ?= out
# ffmpeg turns the demo's film into MP4; without it the film is a GIF.
SIM_PACKAGES := libmujoco-dev libegl-dev libegl1 libgl1-mesa-dri gcc libc6-dev pkg-config
TEST_FLAGS ?=

.PHONY: help demo test verify bench lint build sim-deps go-check clean

help:
	@sed -n 's/^#   //p' Makefile

go-check:
	@command -v go >/dev/null || { echo "make: Go is missing: install Go 1.26 or newer, see https://go.dev/doc/install" >&2; exit 1; }

# Installs only what is missing, with sudo when not root.
sim-deps: go-check
	@missing=(); for p in $(SIM_PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing+=($$p); done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	  command -v apt-get >/dev/null || { echo "make: needs $${missing[*]}, and this machine has no apt-get: install them by hand" >&2; exit 1; }; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "make: installing $${missing[*]} (MuJoCo, headless OpenGL and a C compiler, from Debian)"; \
	  $$sudo apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $${missing[@]} >/dev/null; \
	fi

build: sim-deps
	@mkdir -p $(OUT)
	go build -tags mujoco -o $(OUT)/cobot_vla ./nodes/cobot_vla

demo: build
	$(OUT)/cobot_vla demo --seed $(SEED) --latency-ms=$(LATENCY_MS) $(if $(HEADLESS),--headless) --out $(OUT)/demo

# First everything that needs Go alone, then what needs the simulator.
test: sim-deps
	CGO_ENABLED=0 go build ./...
	CGO_ENABLED=0 go vet ./...
	CGO_ENABLED=0 go test $(TEST_FLAGS) ./...
	go vet -tags mujoco ./drivers/mujoco/... ./nodes/cobot_vla/...
	go test -tags mujoco $(TEST_FLAGS) ./drivers/mujoco/... ./nodes/cobot_vla/...

verify: build
	go test -race ./...
	$(OUT)/cobot_vla verify --out $(OUT)/verify.json

bench: build
	$(OUT)/cobot_vla bench nodes

lint: sim-deps
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go vet -tags mujoco ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

clean:
	rm -rf $(OUT)
