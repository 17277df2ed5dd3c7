package crossing

import (
	"errors"
	"testing"
	"unsafe"
)

type handleType struct{ _ int }

func TestOnlyAKnownClientIsBorrowed(t *testing.T) {
	type good struct {
		handle struct{ rk *handleType }
	}
	rk := &handleType{}
	known := &good{}
	known.handle.rk = rk
	if p, err := borrow(known, "rk", "handleType"); err != nil || p != unsafe.Pointer(rk) {
		t.Fatalf("borrowed %p, %v; want %p", p, err, rk)
	}
	for name, client := range map[string]any{
		"nothing":          nil,
		"a nil client":     (*good)(nil),
		"no pointer":       good{},
		"no handle":        &struct{ rk *handleType }{rk},
		"a handle pointer": &struct{ handle *int }{},
		"a closed client":  &good{},
		"a renamed field":  &struct{ handle struct{ kafka *handleType } }{},
		"another C type":   &struct{ handle struct{ rk *int } }{},
		"a number":         &struct{ handle struct{ rk uintptr } }{},
	} {
		if _, err := borrow(client, "rk", "handleType"); !errors.Is(err, ErrUnsuitable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
