package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// metrics are what Prometheus scrapes. The loops report totals twice a second; nothing
// is counted here per record.
type metrics struct {
	registry    *prometheus.Registry
	records     *prometheus.CounterVec
	predictions *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	commits     *prometheus.CounterVec
	aborts      *prometheus.CounterVec
	restarts    *prometheus.CounterVec
	errors      *prometheus.CounterVec
	lag         *prometheus.GaugeVec
	shard       []shardGauge // with no labels but pipeline and shard
	state       *prometheus.GaugeVec
	latency     *prometheus.GaugeVec

	mu   sync.Mutex
	last map[string]stream.Progress
}

// shardGauge is one figure of each shard.
type shardGauge struct {
	vec  *prometheus.GaugeVec
	read func(stream.Progress) float64
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "ts_stream", Name: name, Help: help}, append([]string{"pipeline"}, labels...))
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "ts_stream", Name: name, Help: help}, append([]string{"pipeline"}, labels...))
}

func newMetrics() *metrics {
	m := &metrics{
		registry:    prometheus.NewRegistry(),
		records:     counter("records_total", "Records of the stage whose offsets are committed.", "stage"),
		predictions: counter("predictions_total", "Predictions committed."),
		deadLetters: counter("dead_letters_total", "Records sent to the dead-letter topic."),
		commits:     counter("commits_total", "Kafka transactions committed.", "stage"),
		aborts:      counter("aborts_total", "Kafka transactions given up."),
		restarts:    counter("restarts_total", "Sessions with Kafka that a fault has ended."),
		errors:      counter("errors_total", "Faults that a loop recovered from or reported.", "kind"),
		lag:         gauge("lag_records", "Records between the committed offset and the end of the partition.", "stage", "partition"),
		shard:       shardGauges(),
		state:       gauge("state", "1 for what the loop is doing: starting, running, recovering or draining.", "shard", "state"),
		latency:     gauge("latency_seconds", "Message timestamp to committed prediction, over the last seconds.", "stage", "shard", "quantile"),
		last:        map[string]stream.Progress{},
	}
	m.registry.MustRegister(m.records, m.predictions, m.deadLetters, m.commits, m.aborts, m.restarts, m.errors, m.lag, m.state, m.latency,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, g := range m.shard {
		m.registry.MustRegister(g.vec)
	}
	return m
}

func shardGauges() []shardGauge {
	yes := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	of := func(name, help string, read func(stream.Progress) float64) shardGauge {
		return shardGauge{gauge(name, help, "shard"), read}
	}
	return []shardGauge{
		of("records_per_second", "Records a second, over the last seconds.", func(p stream.Progress) float64 { return p.RecordsPerSecond }),
		of("paused", "1 if orders keep the loop from reading.", func(p stream.Progress) float64 { return yes(p.Paused) }),
		of("limit_records_per_second", "Records a second at most by order, 0: no limit.", func(p stream.Progress) float64 { return p.Limit }),
		of("generation", "Of the orders in force.", func(p stream.Progress) float64 { return float64(p.Generation) }),
		of("stuck", "1 if records wait and none is scored, a transaction hides results from their readers, or the loop does not report.", func(p stream.Progress) float64 { return yes(p.Stuck != "") }),
		of("batch_age_seconds", "How long the transaction in hand has been open.", func(p stream.Progress) float64 { return p.BatchAge.Seconds() }),
		of("throttle_seconds", "How long brokers hold answers back, because of a quota.", func(p stream.Progress) float64 { return p.Throttled.Seconds() }),
	}
}

// Observe adds what happened since the shard's last report. A loop that started anew
// counts from zero again, which shows as a total that has fallen.
func (m *metrics) Observe(pipeline string, shard job.Shard, p stream.Progress) {
	key := fmt.Sprintf("%s/%d", pipeline, shard.ID)
	m.mu.Lock()
	before := m.last[key]
	m.last[key] = p
	m.mu.Unlock()
	if p.Records < before.Records || p.Commits < before.Commits {
		before = stream.Progress{}
	}
	for _, c := range []struct {
		vec      *prometheus.CounterVec
		now, was int64
	}{
		{m.predictions, p.Predictions, before.Predictions},
		{m.deadLetters, p.DeadLetters, before.DeadLetters}, {m.aborts, p.Aborts, before.Aborts},
		{m.restarts, p.Restarts, before.Restarts},
	} {
		c.vec.WithLabelValues(pipeline).Add(float64(more(c.now, c.was)))
	}
	stage := strconv.Itoa(shard.Stage)
	m.commits.WithLabelValues(pipeline, stage).Add(float64(more(p.Commits, before.Commits)))
	m.records.WithLabelValues(pipeline, stage).Add(float64(more(p.Records, before.Records)))
	for _, kind := range stream.Faults() {
		// Those that have not come yet too: an increase is seen only where there was a number before.
		n := p.Faults[kind]
		m.errors.WithLabelValues(pipeline, string(kind)).Add(float64(more(n, before.Faults[kind])))
	}
	for _, q := range p.Partitions {
		if q.Lag >= 0 {
			m.lag.WithLabelValues(pipeline, stage, strconv.Itoa(int(q.Partition))).Set(float64(q.Lag))
		}
	}
	id := strconv.Itoa(shard.ID)
	for _, g := range m.shard {
		g.vec.WithLabelValues(pipeline, id).Set(g.read(p))
	}
	m.state.DeletePartialMatch(prometheus.Labels{"pipeline": pipeline, "shard": id})
	m.state.WithLabelValues(pipeline, id, string(p.State)).Set(1)
	m.latency.WithLabelValues(pipeline, stage, id, "0.5").Set(p.P50Millis / 1000)
	m.latency.WithLabelValues(pipeline, stage, id, "0.99").Set(p.P99Millis / 1000)
}

// more is by how much a total has grown; one that has fallen began anew.
func more(now, was int64) int64 {
	if now < was {
		return now
	}
	return now - was
}

// Forget takes the gauges of a shard away that is run elsewhere now, or not at all: the
// last lag of a stream that was stopped is no lag. Its totals stay.
func (m *metrics) Forget(pipeline string, shard job.Shard) {
	key := fmt.Sprintf("%s/%d", pipeline, shard.ID)
	m.mu.Lock()
	last := m.last[key]
	delete(m.last, key)
	m.mu.Unlock()
	for _, q := range last.Partitions {
		m.lag.DeleteLabelValues(pipeline, strconv.Itoa(shard.Stage), strconv.Itoa(int(q.Partition)))
	}
	id := strconv.Itoa(shard.ID)
	for _, g := range m.shard {
		g.vec.DeleteLabelValues(pipeline, id)
	}
	m.state.DeletePartialMatch(prometheus.Labels{"pipeline": pipeline, "shard": id})
	m.latency.DeletePartialMatch(prometheus.Labels{"pipeline": pipeline, "shard": id})
}

// serve answers /metrics and /healthz until ctx ends. A taken port is no reason not to
// work: a second worker on a host says so and goes on.
func (m *metrics) serve(ctx context.Context, address string, log *slog.Logger) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Warn("metrics are not served; set WORKER_METRICS_ADDRESS to a free address", "error", err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		if err := server.Close(); err != nil {
			log.Warn("close metrics listener", "error", err)
		}
	}()
	log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.Warn("metrics are no longer served", "error", err)
	}
}
