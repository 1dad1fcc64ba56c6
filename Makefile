# The project's commands; `make` alone lists them. Every one that needs the environment sets it up first.
#
# CORPUS, OUT, FORMAT, NUM_SHARDS and ARGS may be given on the command line, as in
#   make shards CORPUS=corpora/mine OUT=data/mine ARGS="--min-count 1"
#   make train NP=4 ARGS="--data.shards data/mine --train.epochs 20"

# Ranks to start, on this machine or on those of a hostfile: HOSTS=launch/hosts, as in launch/hosts.example.
NP ?= 2
HOSTS ?=
SEEDS ?= 1 2 3
# Sentences of the synthetic corpus.
SENTENCES ?= 8000
NUM_SHARDS ?= 8
FORMAT ?= auto
OUT ?= data/shards

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# The environment is .venv alone.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME

RUN = horovodrun -np $(NP) $(if $(HOSTS),--hostfile $(HOSTS))
BUILD_OPTIONS = --format $(FORMAT) --num-shards $(NUM_SHARDS)

.PHONY: help setup shards train test test-ranks lint bench conll2003 gmb clean distclean

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Make .venv; nothing to do if it is up to date (PYTHON=python3.10 chooses the interpreter)
	@launch/setup.sh

ifdef CORPUS
shards: setup ## Shards of the synthetic corpus, or of CORPUS=PATH [OUT=DIR] [FORMAT=conll|kaggle|jsonl] [ARGS=...]
	launch/shards.sh "$(CORPUS)" "$(OUT)" $(BUILD_OPTIONS) $(ARGS)
else
# Inherited by the rule below, but only when shards are the goal: for train, ARGS are training's.
shards: BUILD_ARGS = $(ARGS)
shards: data/shards/index.json
	@echo "data/shards is complete; make clean removes it"
endif

data/shards/index.json: | setup
	python -m data_prep synth --sentences $(SENTENCES) --seed 1 --out data/synth
	launch/shards.sh data/synth data/shards --num-shards $(NUM_SHARDS) $(BUILD_ARGS)

train: data/shards/index.json ## Train on NP=2 ranks [HOSTS=FILE] [ARGS="--config job/... --train.epochs 5"]
	$(RUN) python -m ner_dist.train $(ARGS)

test: setup ## All tests; those of real corpora too if NER_CORPORA names their folder
	python -m pytest $(ARGS)

test-ranks: setup ## Only the tests that start several ranks
	python -m pytest -m ranks $(ARGS)

lint: setup ## Style, format and types
	ruff check .
	ruff format --check .
	mypy

bench: setup ## Benchmarks, as ratios
	python -m bench.run $(ARGS)

conll2003: CORPUS := $(or $(CORPUS),$(addsuffix /conll2003,$(NER_CORPORA)))
conll2003: data/conll2003/index.json ## Train on CoNLL-2003, CORPUS=DIR with eng.train, .testa, .testb [SEEDS="1 2 3"]

gmb: CORPUS := $(or $(CORPUS),$(addsuffix /gmb/ner_dataset.csv.zip,$(NER_CORPORA)))
gmb: data/gmb/index.json ## Train on the Kaggle GMB corpus, CORPUS=ner_dataset.csv.zip [SEEDS="1 2 3"]

# The corpus has no official split; a fifth is held out.
data/gmb/index.json: SPLIT = --split 0.7,0.1,0.2 --seed 1
data/conll2003/index.json data/gmb/index.json: | setup
	launch/shards.sh "$(CORPUS)" $(@D) --num-shards $(NUM_SHARDS) $(SPLIT)

# A seed that is through is not run again, and one that was interrupted goes on.
conll2003 gmb:
	@echo "shards: data/$@ (remove it to build it anew)"
	@for seed in $(SEEDS); do \
	  run=runs/$@-seed$$seed; \
	  if [ -e $$run/result.json ]; then echo "$$run is there already"; continue; fi; \
	  (set -x; $(RUN) python -m ner_dist.train --config job/$@.yaml --data.shards data/$@ --run $$run \
	    --train.seed $$seed --train.resume true $(ARGS)); \
	done
	python -m bench.record --command "make $@ NP=$(NP)" $(patsubst %,runs/$@-seed%,$(SEEDS))

clean: ## Remove what is made again in seconds: the synthetic corpus, its shards, caches
	rm -rf data/synth data/shards build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## Remove the environment, too; runs and other shards stay
	rm -rf .venv *.egg-info
