# Everything that is needed besides Go, Python 3.11 or newer and, for Apache Kafka, Java 17
# and Maven, is installed below .devstack, pinned, by the targets that need it.

SHELL := /bin/sh
DEVSTACK := .devstack/bin/devstack
PACKAGES := ./...

.DEFAULT_GOAL := help
.PHONY: help build devstack up down worker demo test test-quick fuzz lint bench chaos clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build worker and starter into bin/
	go build -ldflags "-X main.built=$$(git rev-parse HEAD 2>/dev/null)" -o bin/ ./worker ./starter

devstack: ## build the local stack's one binary (a nested module)
	go -C devstack build -o ../$(DEVSTACK) .

up: devstack ## start Temporal, Kafka, S3 and MLflow in the background
	$(DEVSTACK) up

down: ## stop what `make up` and `make demo` started; data stays in .devstack
	@scripts/worker stop
	@if [ -x $(DEVSTACK) ]; then $(DEVSTACK) down || test $$? -eq 3; fi

worker: build ## run a worker in the foreground
	bin/worker

demo: build devstack ## the main job: start the stack, train, stream, show predictions
	@scripts/demo

test: devstack ## everything the project promises, against real servers
	$(DEVSTACK) setup --kafka apache
	go -C devstack test ./...
	go test -count=1 -timeout 25m $(PACKAGES) # anew: Go's cache does not know of the programs that tests build and start
	FUZZTIME=300x scripts/fuzz

test-quick: ## what needs no server
	go test -short $(PACKAGES)

fuzz: ## fuzz every decoder, FUZZTIME each (default 20s)
	@scripts/fuzz

lint: ## gofmt, vet, staticcheck, workflowcheck, govulncheck
	@scripts/lint

bench: devstack build ## list the benchmarks behind the README's figures
	go run ./bench list

chaos: devstack ## faults of all kinds under load, by a schedule of a seed; flags: make chaos CHAOS="--faults 200 --seed 7"
	go run ./bench chaos $(CHAOS)

clean: down ## remove what was built and the local stack with its data
	rm -rf bin .devstack
