package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"reflect"
	"testing"
)

func sampleMatrix() Matrix {
	return Matrix{
		Names: []string{"V1", "Amount", "größe"},
		X:     []float32{1, 2, 3, -4.5, math.MaxFloat32, math.SmallestNonzeroFloat32},
		Y:     []float32{0, 1},
		W:     []float32{12.83, 1},
	}
}

func encode(t testing.TB, m Matrix) []byte {
	t.Helper()
	file, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestMatrixReadsBackFromItsFile(t *testing.T) {
	want := sampleMatrix()
	got, err := DecodeMatrix(encode(t, want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if row := got.Row(1); len(row) != 3 || row[0] != -4.5 {
		t.Errorf("row 1 is %v", row)
	}
}

// Files written by this version must be read by every later one: never regenerate this file, add a new one.
func TestMatrixFileOfVersion1IsRead(t *testing.T) {
	file, err := os.ReadFile("testdata/matrix.v1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeMatrix(file); err != nil || !reflect.DeepEqual(got, sampleMatrix()) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if !bytes.Equal(encode(t, sampleMatrix()), file) {
		t.Error("the same matrix is now written otherwise: its digest, and all that is stored under it, changes")
	}
}

func TestDamagedMatrixFilesAreCorrupt(t *testing.T) {
	file := encode(t, sampleMatrix())
	for i := range file {
		damaged := bytes.Clone(file)
		damaged[i] ^= 0x10
		if _, err := DecodeMatrix(damaged); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d damaged: got %v", i, err)
		}
		if _, err := DecodeMatrix(file[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: got %v", i, err)
		}
	}
	if _, err := DecodeMatrix(append(bytes.Clone(file), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too many: got %v", err)
	}
}

// resealed puts the right checksum under a changed body, so that the checks behind it are reached.
func resealed(file []byte, change func(body []byte)) []byte {
	body := bytes.Clone(file[:len(file)-4])
	change(body)
	return binary.LittleEndian.AppendUint32(body, crc32.ChecksumIEEE(body))
}

func TestMatrixFilesThatClaimTooMuchAreCorrupt(t *testing.T) {
	file := encode(t, sampleMatrix())
	for name, change := range map[string]func([]byte){
		"version":           func(b []byte) { b[8] = 2 },
		"features":          func(b []byte) { binary.LittleEndian.PutUint32(b[12:], math.MaxUint32) },
		"no features":       func(b []byte) { binary.LittleEndian.PutUint32(b[12:], 0) },
		"rows":              func(b []byte) { binary.LittleEndian.PutUint64(b[16:], math.MaxUint64) },
		"rows that wrap":    func(b []byte) { binary.LittleEndian.PutUint64(b[16:], 1<<62+2) },
		"name length":       func(b []byte) { binary.LittleEndian.PutUint16(b[24:], math.MaxUint16) },
		"name not UTF-8":    func(b []byte) { b[26] = 0xff },
		"label neither 0,1": func(b []byte) { binary.LittleEndian.PutUint32(b[len(b)-16:], math.Float32bits(0.5)) },
		"weight negative":   func(b []byte) { binary.LittleEndian.PutUint32(b[len(b)-4:], math.Float32bits(-1)) },
		"weight NaN":        func(b []byte) { binary.LittleEndian.PutUint32(b[len(b)-4:], math.Float32bits(float32(math.NaN()))) },
	} {
		if _, err := DecodeMatrix(resealed(file, change)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestEncodeRefusesAMatrixThatIsNotWhole(t *testing.T) {
	for name, change := range map[string]func(*Matrix){
		"a name twice":    func(m *Matrix) { m.Names[1] = "V1" },
		"a name empty":    func(m *Matrix) { m.Names[1] = "" },
		"a value missing": func(m *Matrix) { m.X = m.X[1:] },
		"a weight short":  func(m *Matrix) { m.W = m.W[1:] },
		"infinite value":  func(m *Matrix) { m.X[4] = float32(math.Inf(1)) },
		"label 2":         func(m *Matrix) { m.Y[0] = 2 },
	} {
		m := sampleMatrix()
		change(&m)
		if _, err := m.Encode(); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}

func FuzzDecodeMatrix(f *testing.F) {
	file := encode(f, sampleMatrix())
	f.Add(file[:len(file)-4])
	f.Add(file[:30])
	f.Add([]byte(matrixMagic))
	f.Fuzz(func(t *testing.T, body []byte) {
		sealed := binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.ChecksumIEEE(body)) // past the checksum
		m, err := DecodeMatrix(sealed)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("not ErrCorrupt: %v", err)
			}
			return
		}
		if again := encode(t, m); !bytes.Equal(again, sealed) {
			t.Fatal("a file was read that is not the one its matrix is written as")
		}
	})
}
