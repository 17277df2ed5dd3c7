package crossing

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"
)

// ErrUnsuitable is returned when the client, or the library that is linked, is not what
// this package knows. Nothing is wrong with the client: its own calls work.
var ErrUnsuitable = errors.New("no batched crossings")

// Library is the version of librdkafka whose declarations were checked, see drift_test.go.
const Library = "2.15.1"

// borrow answers the C handle that a client keeps in its unexported field "handle", under
// the given name, if it is a non-nil pointer to the C type given.
func borrow(client any, field, ctype string) (unsafe.Pointer, error) {
	v := reflect.ValueOf(client)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("%w: %T is not a client", ErrUnsuitable, client)
	}
	handle := v.Elem().FieldByName("handle")
	if !handle.IsValid() || handle.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%w: %T has no struct field handle", ErrUnsuitable, client)
	}
	f := handle.FieldByName(field)
	if !f.IsValid() || f.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("%w: %T has no pointer handle.%s", ErrUnsuitable, client, field)
	}
	if got := f.Type().Elem().Name(); got != ctype {
		return nil, fmt.Errorf("%w: handle.%s of %T points to %s, not %s", ErrUnsuitable, field, client, got, ctype)
	}
	if f.IsNil() {
		return nil, fmt.Errorf("%w: handle.%s of %T is nil; is the client closed?", ErrUnsuitable, field, client)
	}
	return f.UnsafePointer(), nil
}
