package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
)

// snapshotName is how people write a reference: KEY#SIZE. The key holds the digest.
func snapshotName(o job.Object) string { return fmt.Sprintf("%s#%d", o.Key, o.Size) }

// parseSnapshotName reads what snapshotName wrote.
func parseSnapshotName(name string) (job.Object, bool) {
	key, size, found := strings.Cut(name, "#")
	n, err := strconv.ParseInt(size, 10, 64)
	digest := digestIn(key)
	if !found || err != nil || len(digest) != 64 {
		return job.Object{}, false
	}
	return job.Object{Key: key, SHA256: digest, Size: n}, true
}

// findSnapshot finds a snapshot by the name of its object, by a file that holds the receipt
// (starter snapshot --json), or by a file that is the snapshot itself. Object is nil for
// the last, which no store need have.
func (a *app) findSnapshot(ctx context.Context, cfg config.Config, pipeline, name string) (job.Snapshot, *job.Object, error) {
	object, named := parseSnapshotName(name)
	if !named {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return job.Snapshot{}, nil, misuse("Give what `starter snapshot` printed (KEY#SIZE), or a file made with: starter snapshot "+pipeline+" --json > FILE.", "%q is neither the name of a snapshot nor a file", name)
		}
		if err != nil {
			return job.Snapshot{}, nil, fail(err, "Check that the file can be read.")
		}
		var receipt job.ControlReceipt
		if err := json.Unmarshal(text, &receipt); err != nil || receipt.Snapshot == nil {
			snapshot, err := readSnapshot(pipeline, name, text)
			return snapshot, nil, err
		}
		object = *receipt.Snapshot
	}
	store, err := a.objects(cfg)
	if err != nil {
		return job.Snapshot{}, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	text, err := store.Get(ctx, artifact.Ref{Key: object.Key, SHA256: object.SHA256, Size: object.Size})
	switch {
	case errors.Is(err, artifact.ErrNotFound):
		return job.Snapshot{}, nil, fail(fmt.Errorf("there is no snapshot %s", snapshotName(object)), "Check the name, and S3_BUCKET (now %s).", cfg.S3.Bucket)
	case err != nil:
		return job.Snapshot{}, nil, objectProblem(cfg, err)
	}
	snapshot, err := readSnapshot(pipeline, object.Key, text)
	return snapshot, &object, err
}

func readSnapshot(pipeline, name string, text []byte) (job.Snapshot, error) {
	var s job.Snapshot
	err := json.Unmarshal(text, &s)
	switch {
	case err != nil || s.Format == 0:
		return s, fail(fmt.Errorf("%s holds no snapshot", name), "Make one: starter snapshot %s --json > FILE.", pipeline)
	case s.Format > job.SnapshotFormat:
		return s, fail(fmt.Errorf("%s has format %d; this program reads up to %d", name, s.Format, job.SnapshotFormat), "Use the version that wrote it, or a later one.")
	case s.Pipeline != pipeline:
		return s, fail(fmt.Errorf("%s is a snapshot of %s, not of %s", name, s.Pipeline, pipeline), "Give one of %s.", pipeline)
	case len(s.Positions) == 0:
		return s, fail(fmt.Errorf("%s has no positions", name), "Make another: starter snapshot %s --json > FILE.", pipeline)
	}
	return s, nil
}
