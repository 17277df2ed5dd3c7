package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/pipelines"
)

// searchAttributes are those that the workflows set.
var searchAttributes = []string{
	job.PipelineAttribute, job.ModelVersionAttribute, job.DatasetDigestAttribute, job.StreamStateAttribute, job.DecisionAttribute,
}

func (d *diagnosis) temporal(ctx context.Context) {
	const service = "Temporal"
	t, err := d.app.temporal(ctx)
	if err != nil {
		d.problem(service, "server", err)
		return
	}
	defer t.Close()
	server, err := t.Examine(ctx, searchAttributes)
	if err != nil {
		d.problem(service, "server", d.app.temporalProblem(err))
		return
	}
	d.ok(service, "server", "version %s at %s", server.Version, t.Address())
	d.ok(service, "namespace", "%s", t.Namespace())
	if len(server.Missing) > 0 {
		d.fail(service, "search attributes", "not registered: "+join(server.Missing),
			"temporal operator search-attribute create --type Keyword --name "+strings.Join(server.Missing, " --name "))
	} else {
		d.ok(service, "search attributes", "%s", join(searchAttributes))
	}
	for _, queue := range []string{job.TrainQueue, job.StreamQueue} {
		switch n, err := t.Workers(ctx, queue); {
		case err != nil:
			d.problem(service, "queue "+queue, d.app.temporalProblem(err))
		case n == 0:
			d.warn(service, "queue "+queue, "no worker polls it", "Start one: make worker.")
		default:
			d.ok(service, "queue "+queue, "%d polling", n)
		}
	}
}

func (d *diagnosis) brokers(ctx context.Context) {
	const service = "Kafka"
	cluster, err := d.app.reach.kafka.ping(ctx, kafkaOf(d.cfg))
	if err != nil {
		d.problem(service, "brokers", kafkaProblem(d.cfg, "", err))
		return
	}
	d.ok(service, "brokers", "%d at %s", len(cluster.Brokers), d.cfg.Kafka.Brokers)
	for _, name := range pipelines.Names() {
		definition, err := pipelines.Load(name)
		if err != nil {
			continue // reported by the check of the pipelines
		}
		for _, topic := range append(topicsRead(definition), definition.Sink.Topic, definition.Sink.DeadLetters) {
			switch n := cluster.Topics[topic]; n {
			case 0:
				d.warn(service, "topic", topic+" does not exist", "`starter inference "+name+"` makes it, or make it with the partitions that you want.")
			case 1:
				d.ok(service, "topic", "%s, 1 partition", topic)
			default:
				d.ok(service, "topic", "%s, %d partitions", topic, n)
			}
		}
	}
}

// transactions opens a transactional id of doctor's own, which fences nobody.
func (d *diagnosis) transactions(ctx context.Context) {
	const id = "temporal-streaming.doctor"
	err := d.app.reach.kafka.fence(ctx, kafkaOf(d.cfg), []string{id})
	if errors.Is(err, stream.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		d.problem("Kafka", "transactions", kafkaProblem(d.cfg, "", err))
		return
	}
	if err != nil {
		d.fail("Kafka", "transactions", err.Error(),
			"Exactly once needs brokers with transactions, and the right to use transactional ids that begin with temporal-streaming.")
		return
	}
	d.ok("Kafka", "transactions", "usable")
}

func (d *diagnosis) bucket(ctx context.Context) {
	const service, key = "S3", "doctor/probe"
	store, err := d.app.objects(d.cfg)
	if err != nil {
		d.problem(service, "credentials", err)
		return
	}
	err = store.Check(ctx)
	if errors.Is(err, artifact.ErrBucketMissing) {
		d.warn(service, "bucket", d.cfg.S3.Bucket+" does not exist", "`starter load` makes it, or set S3_BUCKET.")
		return
	}
	if err != nil {
		d.problem(service, "bucket", objectProblem(d.cfg, err))
		return
	}
	d.ok(service, "bucket", "%s at %s", d.cfg.S3.Bucket, d.cfg.S3.Endpoint)
	host, _ := os.Hostname() // only to make the probe's bytes differ
	probe := fmt.Appendf(nil, "written by starter doctor on %s at %s\n", host, d.app.now().UTC())
	if err := store.PutNamed(ctx, key, probe); err != nil {
		d.problem(service, "write and read", objectProblem(d.cfg, err))
		return
	}
	switch back, err := store.GetNamed(ctx, key); {
	case err != nil:
		d.problem(service, "write and read", objectProblem(d.cfg, err))
	case !bytes.Equal(back, probe):
		d.fail(service, "write and read", "an object that was just written reads back differently",
			"Run doctor again; if it stays, the store does not answer reads with the last write, which is needed.")
	default:
		d.ok(service, "write and read", "an object of %d bytes came back the same", len(probe))
	}
}

func (d *diagnosis) mlflow(ctx context.Context) {
	const service = "MLflow"
	client, err := d.app.reach.mlflow(d.cfg.MLflow)
	if err == nil {
		err = client.Check(ctx)
	}
	if err != nil {
		fix := "Start the local stack with `make up`, or set MLFLOW_TRACKING_URI (now " + d.cfg.MLflow.URI + ")."
		switch {
		case errors.Is(err, tracking.ErrDenied):
			fix = "Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
		case errors.Is(err, tracking.ErrHostRefused):
			fix = "Start the MLflow server with --allowed-hosts that holds this address, or use the name that it knows."
		}
		d.fail(service, "server", err.Error(), fix)
		return
	}
	version, err := client.ServerVersion(ctx)
	if err != nil {
		version = "of unknown version"
	}
	d.ok(service, "server", "%s at %s; it lists experiments", version, d.cfg.MLflow.URI)
	for _, name := range pipelines.Names() {
		switch v, err := client.Version(ctx, name, tracking.Champion); {
		case errors.Is(err, tracking.ErrNotFound):
			d.warn(service, "champion", name+" has none", "Train one: starter train "+name+".")
		case err != nil:
			d.fail(service, "champion", err.Error(), "Look at the model in MLflow: "+d.cfg.MLflowUI())
		default:
			d.ok(service, "champion", "%s version %s", name, v.Number)
		}
	}
}

func (d *diagnosis) pipelines(context.Context) {
	for _, name := range pipelines.Names() {
		definition, err := pipelines.Load(name)
		if err != nil {
			d.fail("pipelines", name, err.Error(), "Mend the file and build again.")
			continue
		}
		d.ok("pipelines", name, "valid; %d features, digest %s", len(definition.Features), definition.Digest()[:12])
	}
}

// worker looks whether a worker of this machine serves its metrics.
func (d *diagnosis) worker(ctx context.Context) {
	const service = "worker"
	url := "http://" + d.cfg.Worker.MetricsAddress + "/metrics"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		d.fail(service, "metrics", err.Error(), "Set WORKER_METRICS_ADDRESS to host:port.")
		return
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		d.warn(service, "metrics", "nothing answers at "+url, "Start a worker here (make worker), or set WORKER_METRICS_ADDRESS to where it runs.")
		return
	}
	defer answer.Body.Close() // only its status matters
	if answer.StatusCode != http.StatusOK {
		d.warn(service, "metrics", fmt.Sprintf("%s answers %s", url, answer.Status), "Another program may use the port; set WORKER_METRICS_ADDRESS.")
		return
	}
	d.ok(service, "metrics", "%s", url)
}
