package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"unicode/utf8"
)

// Matrix is what a model is fitted on: features as the pipeline's plan computed them, labels and weights.
type Matrix struct {
	Names []string  // of the F features
	X     []float32 // [N, F] row-major
	Y     []float32 // [N], 0 or 1
	W     []float32 // [N], how many rows of the world each row stands for
}

// Len is the number of rows N.
func (m Matrix) Len() int { return len(m.Y) }

// Width is the number of features F.
func (m Matrix) Width() int { return len(m.Names) }

// Row is the features of row i, a view into X.
func (m Matrix) Row(i int) []float32 { return m.X[i*m.Width() : (i+1)*m.Width()] }

// Part is the rows of a range, a view into the matrix.
func (m Matrix) Part(r Range) Matrix {
	f := m.Width()
	return Matrix{Names: m.Names, X: m.X[r.From*f : r.To*f], Y: m.Y[r.From:r.To], W: m.W[r.From:r.To]}
}

// Check tells whether the lengths fit together, names are there once each, all numbers are finite, labels are 0 or 1
// and weights are not negative.
func (m Matrix) Check() error {
	columns := make([]Column, len(m.Names))
	for i, name := range m.Names {
		columns[i].Name = name
	}
	if err := checkColumns(columns); err != nil {
		return fmt.Errorf("check matrix: %w", err)
	}
	if len(m.W) != m.Len() || len(m.X) != m.Len()*m.Width() {
		return fmt.Errorf("check matrix: %d labels, %d weights and %d values do not make rows of %d features", m.Len(), len(m.W), len(m.X), m.Width())
	}
	for i, x := range m.X {
		if !finite(x) {
			return fmt.Errorf("check matrix: row %d: feature %q: %v is not a finite number", i/m.Width(), m.Names[i%m.Width()], x)
		}
	}
	for i := range m.Y {
		if m.Y[i] != 0 && m.Y[i] != 1 {
			return fmt.Errorf("check matrix: row %d: label %v is not 0 or 1", i, m.Y[i])
		}
		if !finite(m.W[i]) || m.W[i] < 0 {
			return fmt.Errorf("check matrix: row %d: weight %v is not a finite number >= 0", i, m.W[i])
		}
	}
	return nil
}

func finite(x float32) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }

// The file, little-endian: magic "TSMATRIX", version uint32, F uint32, N uint64, then F times (length uint16, name),
// X, Y and W as float32, and the CRC-32 (IEEE) of everything before it. Later versions of the program read version 1.
const (
	matrixMagic   = "TSMATRIX"
	matrixVersion = 1
	matrixHeader  = len(matrixMagic) + 4 + 4 + 8
)

// Encode gives the matrix as a file. The same matrix gives the same bytes.
func (m Matrix) Encode() ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("encode matrix: %w", err)
	}
	size := matrixHeader + 4*(len(m.X)+len(m.Y)+len(m.W)) + 4
	for _, name := range m.Names {
		if len(name) > math.MaxUint16 || !utf8.ValidString(name) {
			return nil, fmt.Errorf("encode matrix: feature name %.40q is too long or not UTF-8", name)
		}
		size += 2 + len(name)
	}
	b := make([]byte, 0, size)
	b = append(b, matrixMagic...)
	b = binary.LittleEndian.AppendUint32(b, matrixVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.Width()))
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Len()))
	for _, name := range m.Names {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
	}
	for _, values := range [][]float32{m.X, m.Y, m.W} {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), nil
}

// DecodeMatrix reads what Encode wrote. Bytes that are cut short, too long, damaged or do not pass Check are refused
// with ErrCorrupt, before anything of the size that they claim is allocated.
func DecodeMatrix(file []byte) (Matrix, error) {
	fail := func(format string, args ...any) (Matrix, error) {
		return Matrix{}, fmt.Errorf("decode matrix: %w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
	if len(file) < matrixHeader+4 || !bytes.HasPrefix(file, []byte(matrixMagic)) {
		return fail("not a matrix file")
	}
	body, sum := file[:len(file)-4], binary.LittleEndian.Uint32(file[len(file)-4:])
	if got := crc32.ChecksumIEEE(body); got != sum {
		return fail("checksum %08x, want %08x", got, sum)
	}
	rest := body[len(matrixMagic):]
	if version := binary.LittleEndian.Uint32(rest); version != matrixVersion {
		return fail("version %d, this program reads %d", version, matrixVersion)
	}
	width, rows := uint64(binary.LittleEndian.Uint32(rest[4:])), binary.LittleEndian.Uint64(rest[8:])
	rest = rest[16:]
	if width > uint64(len(rest))/2 {
		return fail("%d features do not fit %d bytes", width, len(rest))
	}
	m := Matrix{Names: make([]string, width)}
	for i := range m.Names {
		if len(rest) < 2 || len(rest)-2 < int(binary.LittleEndian.Uint16(rest)) {
			return fail("cut short in the name of feature %d", i)
		}
		end := 2 + int(binary.LittleEndian.Uint16(rest))
		m.Names[i], rest = string(rest[2:end]), rest[end:]
		if !utf8.ValidString(m.Names[i]) {
			return fail("the name of feature %d is not UTF-8", i)
		}
	}
	// Divided rather than multiplied, so that no claim can overflow.
	if perRow := 4 * (width + 2); uint64(len(rest))/perRow != rows || uint64(len(rest))%perRow != 0 {
		return fail("%d rows of %d features do not make %d bytes", rows, width, len(rest))
	}
	m.X, rest = floats(rest, int(rows*width))
	m.Y, rest = floats(rest, int(rows))
	m.W, _ = floats(rest, int(rows))
	if err := m.Check(); err != nil {
		return fail("%v", err)
	}
	return m, nil
}

func floats(b []byte, n int) ([]float32, []byte) {
	values := make([]float32, n)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return values, b[4*n:]
}
