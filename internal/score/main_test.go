package score

import (
	"testing"

	"temporal-streaming/test/seed"
)

func TestMain(m *testing.M) { seed.Main(m) }
