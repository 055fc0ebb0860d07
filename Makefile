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
DDS_PACKAGES := cyclonedds-dev
TEST_FLAGS ?=

.PHONY: help demo test verify bench lint build sim-deps dds-deps go-check clean

help:
	@sed -n 's/^#   //p' Makefile

go-check:
	@command -v go >/dev/null || { echo "make: Go is missing: install Go 1.26 or newer, see https://go.dev/doc/install" >&2; exit 1; }

# Installs only what is missing, with sudo when not root.
sim-deps: packages := $(SIM_PACKAGES)
dds-deps: packages := $(DDS_PACKAGES) gcc libc6-dev pkg-config
sim-deps dds-deps: go-check
	@missing=(); for p in $(packages); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing+=($$p); done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	  command -v apt-get >/dev/null || { echo "make: needs $${missing[*]}, and this machine has no apt-get: install them by hand" >&2; exit 1; }; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "make: installing $${missing[*]} from Debian (MuJoCo, headless OpenGL, Cyclone DDS, a C compiler: what is missing of them)"; \
	  $$sudo apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $${missing[@]} >/dev/null; \
	fi

build: sim-deps
	@mkdir -p $(OUT)
	go build -tags mujoco -o $(OUT)/cobot_vla ./nodes/cobot_vla

demo: build
	$(OUT)/cobot_vla demo --seed $(SEED) --latency-ms=$(LATENCY_MS) $(if $(HEADLESS),--headless) --out $(OUT)/demo

# First everything that needs Go alone, then what needs the simulator, then ROS 2's wire.
test: sim-deps dds-deps
	CGO_ENABLED=0 go build ./...
	CGO_ENABLED=0 go vet ./...
	CGO_ENABLED=0 go test $(TEST_FLAGS) ./...
	go vet -tags mujoco,dds ./...
	go test -tags mujoco $(TEST_FLAGS) ./drivers/mujoco/...
	go test -tags mujoco $(TEST_FLAGS) -run Mujoco ./nodes/cobot_vla
	go test -tags dds $(TEST_FLAGS) ./nodes/rcl/dds

verify: build
	go test -race -timeout 60m ./...
	go test -run Hostile -timeout 60m ./nodes/arm -hostile 10000000
	$(OUT)/cobot_vla verify --out $(OUT)/verify.json --readme README.md

bench: build
	$(OUT)/cobot_vla bench nodes --while-inferring

lint: sim-deps dds-deps
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go vet -tags mujoco,dds ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

clean:
	rm -rf $(OUT)
