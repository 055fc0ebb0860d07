# Every target installs what Debian or Ubuntu has and this machine lacks, and says so.
#   make demo [SEED=7] [POLICY=expert] [HEADLESS=1] [LATENCY_MS=300]   the simulated robot fetches the bottle
#   make test      what continuous integration runs
#   make verify    the long proof: many seeds, faults, soak, races; writes out/verify.json
#   make bench     measures the suite on this machine
#   make bench-train   training beside PyTorch's of the same shapes (installs Debian's python3-torch)
#   make readers   DuckDB, for make verify: it reads the exported data sets (needs npm)
#   make browser   the dashboard's page in a headless Chromium; makes its pictures in the README
#   make cuda      builds out/cobot_vla_cuda, which runs policies on an NVIDIA GPU (needs cuda.h)
#   make cuda-verify   on a machine with a GPU: conformance, parity, sanitizer, bench, in under 10 minutes
#   make ptx       compiles the GPU kernels again, after their sources have changed
#   make lint      gofmt, go vet with every tag that can be built here, staticcheck
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TASK ?= fetch_bottle
SEED ?= 1
# Who decides in the demo: llavavla is the checkpoint that ships, expert a script that sees the simulator's truth.
POLICY ?= llavavla
HEADLESS ?=
LATENCY_MS ?= -1
OUT ?= out
# ffmpeg turns the demo's film into MP4; without it the film is a GIF.
SIM_PACKAGES := libmujoco-dev libegl-dev libegl1 libgl1-mesa-dri gcc libc6-dev pkg-config
# ip, of iproute2, lays the cable that a test pulls.
DDS_PACKAGES := cyclonedds-dev iproute2
# HDF5 data sets, and h5py, which reads them independently of us.
HDF5_PACKAGES := libhdf5-dev python3-h5py
# Reads parquet independently of us; Debian has no pyarrow.
DUCKDB := @duckdb/node-api@1.5.6-r.1
# What finds AprilTags in pictures.
TAG_PACKAGES := libapriltag-dev
# Debian's and Ubuntu's clang makes PTX without any file of NVIDIA's.
PTX_PACKAGES := clang-16
TEST_FLAGS ?=

.PHONY: help demo test verify readers bench bench-train torch-deps browser lint build sim-deps dds-deps hdf5-deps tag-deps browser-deps ptx-deps go-check clean ptx ptx-check cuda cuda-check cuda-verify

help:
	@sed -n 's/^#   //p' Makefile

go-check:
	@command -v go >/dev/null || { echo "make: Go is missing: install Go 1.26 or newer, see https://go.dev/doc/install" >&2; exit 1; }

# Installs only what is missing, with sudo when not root.
sim-deps: packages := $(SIM_PACKAGES)
dds-deps: packages := $(DDS_PACKAGES) gcc libc6-dev pkg-config
ptx-deps: packages := $(PTX_PACKAGES)
hdf5-deps: packages := $(HDF5_PACKAGES) gcc libc6-dev
tag-deps: packages := $(TAG_PACKAGES) gcc libc6-dev pkg-config
browser-deps: packages := chromium
# Without OpenBLAS, Debian's PyTorch multiplies with the reference BLAS, many times slower.
torch-deps: packages := python3-torch libopenblas0-pthread
sim-deps dds-deps hdf5-deps tag-deps browser-deps ptx-deps torch-deps: go-check
	@missing=(); for p in $(packages); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing+=($$p); done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	  command -v apt-get >/dev/null || { echo "make: needs $${missing[*]}, and this machine has no apt-get: install them by hand" >&2; exit 1; }; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "make: installing $${missing[*]} from Debian (MuJoCo, headless OpenGL, Cyclone DDS, compilers: what is missing of them)"; \
	  $$sudo apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $${missing[@]} >/dev/null; \
	fi

build: sim-deps
	@mkdir -p $(OUT)
	go build -tags mujoco -o $(OUT)/cobot_vla ./nodes/cobot_vla

demo: build
	$(OUT)/cobot_vla demo --task $(TASK) --policy $(POLICY) --seed $(SEED) --latency-ms=$(LATENCY_MS) $(if $(HEADLESS),--headless) --out $(OUT)/demo

# First everything that needs Go alone, then what needs the simulator, then ROS 2's wire.
test: sim-deps dds-deps hdf5-deps tag-deps ptx-check cuda-check
	CGO_ENABLED=0 go build ./...
	CGO_ENABLED=0 go vet ./...
	CGO_ENABLED=0 go test $(TEST_FLAGS) ./...
	go vet -tags mujoco,dds ./...
	go test -tags mujoco $(TEST_FLAGS) ./drivers/mujoco/...
	go test -tags mujoco,hdf5 $(TEST_FLAGS) -run 'Mujoco|TestDemonstrations' ./nodes/cobot_vla
	go test -tags mujoco,hdf5 $(TEST_FLAGS) -timeout 20m -run TeachClickBell ./nodes/cobot_vla
	go test -tags dds $(TEST_FLAGS) ./nodes/rcl/dds
	go test -tags mujoco,dds $(TEST_FLAGS) -run "Processes|LinkCut" ./nodes/cobot_vla
	go vet -tags mujoco,hdf5,browser ./nodes/recorder/... ./nodes/dashboard/... ./nodes/cobot_vla
	go test -tags hdf5 $(TEST_FLAGS) -run 'ALOHA|RoboTwin|HDF5' ./nodes/recorder/...
	go vet -tags mujoco,apriltag ./drivers/... ./nodes/cobot_vla
	go test -tags apriltag $(TEST_FLAGS) -run 'Detect|AprilTag' ./drivers/apriltag ./nodes/cobot_vla
	go test -tags mujoco,apriltag $(TEST_FLAGS) -run AprilTag ./drivers/mujoco

# The pictures go where the README shows them.
browser: sim-deps browser-deps
	go test -tags browser -timeout 20m ./nodes/dashboard -screenshots $(abspath $(OUT))/browser
	go test -tags browser,mujoco -timeout 20m -run Browser ./nodes/cobot_vla -screenshots $(abspath $(OUT))/browser
	cp $(OUT)/browser/desktop.png nodes/dashboard/doc/dashboard.png
	cp $(OUT)/browser/episodes.png nodes/dashboard/doc/episodes.png
	cp $(OUT)/browser/phone.png nodes/dashboard/doc/phone.png

# PTX 7.0 for sm_80 is what drivers of CUDA 11.0 and later load, on Ampere, Orin, Ada and Hopper.
KERNELS := model/nn/cuda/kernels
CLANG ?= clang-16
define compile-ptx
	version=$$($(CLANG) --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p'); \
	sources=$$(cd $(KERNELS) && cat $$(ls *.cu *.h | LC_ALL=C sort) | sha256sum | cut -d' ' -f1); \
	( printf '// clang %s, sources %s: make ptx\n' "$$version" "$$sources"; \
	  cd $(KERNELS); $(CLANG) -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 --cuda-feature=+ptx70 -nocudainc -nocudalib \
	    -std=c++17 -O3 -ffp-contract=off -Wall -Werror -S -o - kernels.cu )
endef

ptx: ptx-deps
	@mkdir -p $(OUT)
	@$(compile-ptx) > $(OUT)/kernels.ptx
	@mv $(OUT)/kernels.ptx $(KERNELS)/kernels.ptx
	@if command -v ptxas >/dev/null; then for arch in sm_80 sm_87 sm_89 sm_90; do ptxas -arch=$$arch -o /dev/null $(KERNELS)/kernels.ptx; done; \
	else echo "make ptx: no ptxas here (Debian's non-free nvidia-cuda-toolkit has it): the PTX was not assembled"; fi

# Is the PTX in the tree what the sources give? Another clang writes other PTX, so only the one it names can say.
ptx-check: ptx-deps
	@mkdir -p $(OUT)
	@wanted=$$(sed -n '1s/.*clang \([0-9.]*\),.*/\1/p' $(KERNELS)/kernels.ptx); \
	have=$$($(CLANG) --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p'); \
	if [ "$$wanted" != "$$have" ]; then echo "make ptx-check: not checked: kernels.ptx was made by clang $$wanted, $(CLANG) is $$have"; exit 0; fi; \
	$(compile-ptx) > $(OUT)/kernels.ptx; \
	cmp $(OUT)/kernels.ptx $(KERNELS)/kernels.ptx || { echo "make: kernels.ptx is not what its sources give: make ptx" >&2; exit 1; }

# gorgonia.org/cu needs cuda.h of CUDA 11 or 12 (13 changed cuCtxCreate) and something to link: the driver, or a toolkit's stub.
CUDA_HOME ?= /usr/local/cuda
CUDA_HEADER := $(firstword $(wildcard $(CUDA_HOME)/include/cuda.h /usr/include/cuda.h))
CUDA_STUB := $(firstword $(wildcard $(CUDA_HOME)/lib64/stubs/libcuda.so $(CUDA_HOME)/lib/stubs/libcuda.so /usr/lib/*-linux-gnu/stubs/libcuda.so /usr/lib/*-linux-gnu/libcuda.so))
CUDA_GO = env CGO_ENABLED=1 CGO_CFLAGS="-I$(dir $(CUDA_HEADER))" CGO_LDFLAGS="$(if $(CUDA_STUB),-L$(dir $(CUDA_STUB)))" go

cuda: go-check
	@[ -n "$(CUDA_HEADER)" ] || { echo "make cuda: no cuda.h of CUDA 11 or 12: install Debian's nvidia-cuda-dev (non-free) or NVIDIA's cuda-driver-dev-12-*, or set CUDA_HOME" >&2; exit 1; }
	@mkdir -p $(OUT)
	$(CUDA_GO) build -tags cuda -o $(OUT)/cobot_vla_cuda ./nodes/cobot_vla

# Does -tags cuda compile? With CUDA's headers, or against declarations of what is used of gorgonia.org/cu.
cuda-check: go-check
ifneq ($(CUDA_HEADER),)
	$(CUDA_GO) vet -tags cuda ./model/nn/cuda/... ./nodes/cobot_vla
else
	@mkdir -p $(OUT)
	@cp go.mod $(OUT)/cuda.mod; cp go.sum $(OUT)/cuda.sum
	@go mod edit -replace gorgonia.org/cu=./model/nn/cuda/driver/testdata/cu $(OUT)/cuda.mod
	@echo "make cuda-check: no cuda.h here: checked against declarations, not linked"
	CGO_ENABLED=1 go vet -mod=mod -modfile=$(OUT)/cuda.mod -tags cuda ./model/nn/cuda/driver ./nodes/cobot_vla
endif

GOLDEN := model/testdata/golden
SANITIZER := $(firstword $(wildcard $(CUDA_HOME)/bin/compute-sanitizer /usr/bin/compute-sanitizer))
cuda-verify: cuda
	$(OUT)/cobot_vla_cuda doctor | grep -i -A1 -E 'cuda|gpu'
	timeout 150 $(CUDA_GO) test -count=1 -tags cuda -run TestConformance ./model/nn/cuda/driver
	for p in f32 bf16; do for m in tiny odd; do timeout 20 $(OUT)/cobot_vla_cuda model parity --backend cuda --precision $$p \
	  --checkpoint $(GOLDEN)/$$m/lmms --golden $(GOLDEN)/$$m/golden.safetensors; done; done
	timeout 60 $(OUT)/cobot_vla_cuda model parity --backend cuda --checkpoint model/llavavla/testdata/long/lmms --golden model/llavavla/testdata/long/golden.safetensors
ifneq ($(SANITIZER),)
	for tool in memcheck racecheck; do timeout 60 $(SANITIZER) --tool $$tool --error-exitcode 9 $(OUT)/cobot_vla_cuda model parity --backend cuda --precision bf16 \
	  --checkpoint $(GOLDEN)/odd/lmms --golden $(GOLDEN)/odd/golden.safetensors >$(OUT)/sanitizer-$$tool.txt || { cat $(OUT)/sanitizer-$$tool.txt; exit 1; }; done
else
	@echo "make cuda-verify: no compute-sanitizer here: not run"
endif
	timeout 100 $(OUT)/cobot_vla_cuda bench model --backend cuda --precision w8a16,bf16
	timeout 50 $(OUT)/cobot_vla_cuda bench model --backend cuda --precision w8a16 --crops 2 --json > $(OUT)/cuda.json

# npm downloads DuckDB with its library; nothing is built, and no script of a package runs.
readers: go-check
	@command -v npm >/dev/null || { echo "make readers: npm is missing: apt-get install nodejs npm" >&2; exit 1; }
	@mkdir -p $(OUT)/readers
	npm install --prefix $(OUT)/readers --ignore-scripts --no-audit --no-fund --no-save $(DUCKDB)

verify: sim-deps hdf5-deps readers
	go build -tags mujoco,hdf5 -o $(OUT)/cobot_vla_verify ./nodes/cobot_vla
	go test -race -timeout 60m ./...
	go test -run Hostile -timeout 60m ./nodes/arm -hostile 10000000
	go test -run 'Kill|Cut' -timeout 60m ./nodes/recorder/episode -kills 200 -cuts 5000
	$(OUT)/cobot_vla_verify bench record --readme README.md
	$(OUT)/cobot_vla_verify verify --out $(OUT)/verify.json --readers $(OUT)/readers/node_modules --readme README.md

bench: build
	$(OUT)/cobot_vla bench nodes --while-inferring

bench-train: torch-deps
	go run ./nodes/cobot_vla bench train

lint: sim-deps dds-deps tag-deps
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-ed:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go vet -tags mujoco,dds,apriltag ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

clean:
	rm -rf $(OUT)
