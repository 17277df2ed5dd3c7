// Package seed fixes what is random in property tests.
package seed

import (
	"flag"
	"os"
	"testing"

	_ "pgregory.net/rapid" // has the flags
)

// Main is the TestMain of a package with property tests: every run tests the same cases, and -rapid.seed=N tests others.
func Main(m *testing.M) {
	flag.Parse()
	_ = flag.Set("rapid.nofailfile", "true") // the seed is enough to repeat a failure
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == seed.DefValue {
		if err := flag.Set("rapid.seed", "1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
