// Package artifacttest proves that a backend keeps the promises of artifact.Store. Every backend's tests call Run:
//
//	func TestMemoryConforms(t *testing.T) {
//		artifacttest.Run(t, func(t *testing.T) artifact.Store { return artifact.NewMemory(artifacttest.MaxObjectSize) })
//	}
package artifacttest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"temporal-streaming/internal/artifact"
)

// MaxObjectSize is the limit in bytes that the stores under test must be opened with. It is above what one request of an
// S3 client carries (16 MiB), so that uploads in parts are tested too.
const MaxObjectSize = 20 << 20

// Run checks the stores that open returns. They may share what they hold: keys are unlike for each test and each run.
func Run(t *testing.T, open func(t *testing.T) artifact.Store) {
	for name, test := range map[string]func(*testing.T, artifact.Store){
		"SameBytesGetSameKey":               sameBytesGetSameKey,
		"KeyCarriesDigestAndName":           keyCarriesDigestAndName,
		"EmptyObjectIsAnObject":             emptyObjectIsAnObject,
		"LargeObjectStreamsThrough":         largeObjectStreamsThrough,
		"FileIsStoredFromItsStart":          fileIsStoredFromItsStart,
		"ReaderIsStoredFromItsPosition":     readerIsStoredFromItsPosition,
		"MissingObjectIsNotFound":           missingObjectIsNotFound,
		"WrongSizeIsRefused":                wrongSizeIsRefused,
		"OpenVerifiesAtTheEnd":              openVerifiesAtTheEnd,
		"ForgedReferenceIsRefused":          forgedReferenceIsRefused,
		"OversizedObjectIsRefused":          oversizedObjectIsRefused,
		"RemovedObjectIsGone":               removedObjectIsGone,
		"NamedObjectIsReplaced":             namedObjectIsReplaced,
		"MissingNamedObjectIsNotFound":      missingNamedObjectIsNotFound,
		"KeyBelowAKeyIsPossible":            keyBelowAKeyIsPossible,
		"MalformedKeysAreRefused":           malformedKeysAreRefused,
		"CancelledContextEndsEveryCall":     cancelledContextEndsEveryCall,
		"CallerMayReuseItsBuffer":           callerMayReuseItsBuffer,
		"ConcurrentWritersAgree":            concurrentWritersAgree,
		"ReadersOfANamedObjectSeeOneWriter": readersOfANamedObjectSeeOneWriter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// prefix is a place of this test and run alone.
func prefix(t *testing.T) string {
	_, name, _ := strings.Cut(t.Name(), "/")
	return fmt.Sprintf("conformance/%s-%x", name, rand.Uint64())
}

// sample is n bytes that depend on the seed.
func sample(seed uint64, n int) []byte {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	data := make([]byte, n)
	source.Read(data) // never fails
	return data
}

func mustPut(t *testing.T, s artifact.Store, prefix, name string, data []byte) artifact.Ref {
	t.Helper()
	ref, err := s.Put(t.Context(), prefix, name, data)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func mustGet(t *testing.T, s artifact.Store, ref artifact.Ref, want []byte) {
	t.Helper()
	got, err := s.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes that differ from the %d stored", len(got), len(want))
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}
