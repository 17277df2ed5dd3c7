package tracking

import (
	"context"
	"fmt"
)

// FindRun returns the run of an experiment that was made under key, or ErrNotFound.
func (c *Client) FindRun(ctx context.Context, experimentID, key string) (Run, error) {
	if err := checkKey(key); err != nil {
		return Run{}, fmt.Errorf("find run: %w", err)
	}
	run, found, err := c.settleRuns(ctx, RunSpec{ExperimentID: experimentID, Key: key})
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return Run{}, fmt.Errorf("find run %s: %w", key, err)
	}
	return run, nil
}
