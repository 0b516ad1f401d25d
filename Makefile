# Every target sets up .venv by itself: once, and again when its two source files change.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
# One thread per test process and per benchmark, so that times and sums do not depend on the machine.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
BCCD ?=

.PHONY: help install demo demo-circuits test check bench bench-compare bench-eval bench-analysis bench-throughput mutants scorecard bccd vendor-matrix clean

help:
	@echo "make demo              train SSD300 on synthetic blood cells and judge it (2 to 4 minutes)"
	@echo "make demo-circuits     train Faster R-CNN on synthetic circuits, twice (about 4 minutes)"
	@echo "make test              all tests; HYPOTHESIS_PROFILE=long make test looks harder"
	@echo "make check             ruff, format check, mypy --strict"
	@echo "make bench             time and memory of each function beside its peers, on every device (10 minutes)"
	@echo "make bench-compare     the same held against the stored run: fails if a ratio got 25 % worse"
	@echo "make bench-eval        a whole data set judged, beside seven peers (about 30 minutes)"
	@echo "make bench-analysis    time and memory of every command that judges runs (about 10 minutes)"
	@echo "make bench-throughput  images a second of both detectors, trained and used, beside torchvision's"
	@echo "make scorecard         eleven libraries held to the contracts, into docs/scorecard.md (about 10 minutes)"
	@echo "make mutants           is every small mistake in refdet/core noticed? (about two hours)"
	@echo "make bccd BCCD=folder  train and judge on the real blood-cell set (about 10 minutes)"
	@echo "make vendor-matrix     vendored copies under every Python and NumPy found (about 10 minutes)"
	@echo "make clean             remove .venv, runs/ and caches"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "refdet needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[torch,dev]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/refdet check-data --data fixtures/datasets/cells --plot runs/demo/objects_per_class.png
	$(BIN)/refdet train ssd300 --data fixtures/datasets/cells --output runs/demo --overwrite \
		--epochs 14 --eval-every 2 --cache
	$(BIN)/refdet infer --checkpoint runs/demo/best.pt --data fixtures/datasets/cells --output runs/demo/test
	$(BIN)/refdet report runs/demo/test --gt fixtures/datasets/cells --split test --output runs/demo/report.html

# The loop that closes: what the first detector got wrong is left out of the second's training.
CIRCUITS := fixtures/datasets/circuits
CIRCUIT_CLASSES := resistor capacitor inductor diode source ground
SMALL_RCNN := --data $(CIRCUITS) --classes $(CIRCUIT_CLASSES) --backbone resnet18_small --weights none \
	--learning-rate 1e-3 --eval-every 5 --cache --overwrite
demo-circuits: $(INSTALLED)
	$(BIN)/refdet check-data --data $(CIRCUITS) --classes $(CIRCUIT_CLASSES) --plot runs/circuits/objects_per_class.png
	$(BIN)/refdet train faster-rcnn $(SMALL_RCNN) --epochs 14 --output runs/circuits/first
	$(BIN)/refdet infer --checkpoint runs/circuits/first/best.pt --data $(CIRCUITS) --output runs/circuits/first/test
	$(BIN)/refdet infer --checkpoint runs/circuits/first/best.pt --data $(CIRCUITS) --split train --output runs/circuits/first/train
	$(BIN)/refdet train faster-rcnn $(SMALL_RCNN) --epochs 20 --output runs/circuits/second \
		--exclude-list runs/circuits/first/train/false_positive_images.txt
	$(BIN)/refdet infer --checkpoint runs/circuits/second/best.pt --data $(CIRCUITS) --output runs/circuits/second/test

test: $(INSTALLED)
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Options: make bench BENCH="--only iou nms --device cpu"
BENCH ?=

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.speed.run $(BENCH)

# Options: make bench-compare AGAINST=benchmarks/results/other-machine.json
AGAINST ?=

bench-compare: $(INSTALLED)
	$(BIN)/python -m benchmarks.speed.compare $(AGAINST)

# The peers are installed for this alone. Options: make bench-eval EVAL="--only coco --peers refdet hotcoco"
PEERS := .venv/installed-peers
EVAL ?=

$(PEERS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[torch,dev,peers]'
	@touch $@

bench-eval: $(PEERS)
	$(BIN)/python -m benchmarks.evaluation.run $(EVAL)

# Options: make bench-analysis ANALYSIS="--only compare --repetitions 3"
ANALYSIS ?=

bench-analysis: $(INSTALLED)
	$(BIN)/python -m benchmarks.analysis.run $(ANALYSIS)

# Options: make bench-throughput THROUGHPUT="--only ssd300 --device cuda --batch-size 32"
THROUGHPUT ?=

bench-throughput: $(INSTALLED)
	$(BIN)/python -m benchmarks.throughput.run $(THROUGHPUT)

# Options: make scorecard SCORECARD="--examples 20 --output /tmp/scorecard.md"
SCORECARD ?=

scorecard: $(PEERS)
	$(ONE_THREAD) $(BIN)/python -m benchmarks.scorecard $(SCORECARD)

# mutmut is installed for this alone. Options: make mutants MUTANTS="--only iou nms", or "--again"
MUTMUT := .venv/installed-mutants
MUTANTS ?=

$(MUTMUT): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[torch,dev,mutants]'
	@touch $@

mutants: $(MUTMUT)
	$(ONE_THREAD) nice $(BIN)/python -m benchmarks.mutants.run $(MUTANTS)

# Options: make vendor-matrix PYTHONS="python3.11 python3.13" NUMPYS="1.26 newest"
PYTHONS ?=
NUMPYS ?=

vendor-matrix: $(INSTALLED)
	$(ONE_THREAD) $(BIN)/python -m tests.vendor.matrix \
		$(if $(PYTHONS),--pythons $(PYTHONS)) $(if $(NUMPYS),--numpys $(NUMPYS))

# The longer run of the README: make bccd BCCD=folder BCCD_EPOCHS=60
BCCD_EPOCHS ?= 30

bccd: $(INSTALLED)
	@test -d "$(BCCD)/Annotations" || { echo "make bccd BCCD=folder: the folder that holds Annotations/, ImageSets/ and JPEGImages/ (git clone https://github.com/Shenggan/BCCD_Dataset has it as BCCD/)"; exit 1; }
	$(BIN)/refdet check-data --data "$(BCCD)" --classes WBC RBC Platelets --plot runs/bccd/objects_per_class.png
	$(BIN)/refdet train ssd300 --data "$(BCCD)" --classes WBC RBC Platelets --output runs/bccd --overwrite \
		--epochs $(BCCD_EPOCHS) --batch-size 4 --learning-rate 1e-3 --priors coco --match-iou 0.4 \
		--max-zoom-out 1.5 --augment-share 0.5 --eval-every 10 --cache
	$(BIN)/refdet infer --checkpoint runs/bccd/best.pt --data "$(BCCD)" --split val --output runs/bccd/val
	$(BIN)/refdet infer --checkpoint runs/bccd/best.pt --data "$(BCCD)" --split test --output runs/bccd/test
	$(BIN)/refdet report runs/bccd/test --gt "$(BCCD)" --split test --classes WBC RBC Platelets \
		--output runs/bccd/report.html --plots runs/bccd/plots

clean:
	rm -rf .venv runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
