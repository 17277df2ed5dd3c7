package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"temporal-streaming/test/stack"
)

// startDevstack starts some services, with Apache Kafka as the broker, on free ports.
// They end with this program, however that ends.
func (b *bench) startDevstack(ctx context.Context, data string, only []string) (*stack.Servers, error) {
	program := filepath.Join(b.root, ".devstack", "bin", "devstack")
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) && variable(b.environ, "DEVSTACK_BIN") == "" {
		b.say("building the devstack (a minute, once)")
		if err := b.build(ctx, filepath.Join(b.root, "devstack"), program, "."); err != nil {
			return nil, err
		}
	}
	b.say("starting %s", strings.Join(only, ", "))
	return stack.Open(ctx, stack.Options{Services: only, Kafka: stack.Apache, Data: data})
}
