package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/google/uuid"

	"temporal-streaming/internal/dataset"
)

// messages are the seed-format messages of one seed. Message n is always the same, and
// can be had without those before it:
//
//	key    the text of a UUID made of seed and n, or of seed and one of a few numbers
//	value  {"columns":["V1",...,"V28","Amount"],"data":[[29 numbers]],"id":n}
//
// The numbers are those of simulated card payments. V1 to V28 have twelve decimals, which
// makes values of about 650 bytes, as they are where the features come from another
// program; the simulation's own six would be too easy to parse.
type messages struct {
	seed   uint64
	keys   int64    // how many keys there are; 0: each message has its own
	bodies [][]byte // values up to the id, used in turn
}

// messageRows is how many different payments there are among the messages.
const messageRows = 10_000

func newMessages(seed uint64) (*messages, error) {
	table, err := dataset.Simulate(dataset.SimulateOptions{Rows: messageRows, Seed: seed, FraudShare: 0.01})
	if err != nil {
		return nil, fmt.Errorf("make messages: %w", err)
	}
	var columns []string
	var data [][]float64
	for c, column := range table.Columns {
		if column.Name != "Time" && column.Name != "Class" { // what a message does not know
			columns, data = append(columns, column.Name), append(data, table.Data[c])
		}
	}
	names, err := json.Marshal(columns)
	if err != nil {
		return nil, fmt.Errorf("make messages: %w", err)
	}
	m := &messages{seed: seed, bodies: make([][]byte, table.Len())}
	more := rand.New(rand.NewPCG(seed, 0x646967697473)) // the decimals from the seventh on
	for row := range m.bodies {
		body := append(append([]byte(`{"columns":`), names...), `,"data":[`...)
		separator := byte('[')
		for c := range data {
			body = append(body, separator)
			if columns[c] == "Amount" {
				body = strconv.AppendFloat(body, data[c][row], 'f', -1, 64)
			} else {
				body = strconv.AppendFloat(body, data[c][row]+1e-6*more.Float64(), 'f', 12, 64)
			}
			separator = ','
		}
		m.bodies[row] = append(body, `]],"id":`...)
	}
	return m, nil
}

// key writes the key of message n to the 36 bytes of to.
func (m *messages) key(to []byte, n int64) {
	if m.keys > 0 {
		n = int64(rand.NewPCG(m.seed, uint64(n)).Uint64() % uint64(m.keys))
	}
	random := rand.NewPCG(m.seed, uint64(n))
	var u uuid.UUID
	for i := 0; i < 16; i += 8 {
		for j, word := 0, random.Uint64(); j < 8; j++ {
			u[i+j] = byte(word >> (8 * j))
		}
	}
	u[6] = u[6]&0x0f | 0x40 // version 4
	u[8] = u[8]&0x3f | 0x80 // RFC 9562
	text := u.String()
	copy(to, text)
}

// value appends the value of message n.
func (m *messages) value(to []byte, n int64) []byte {
	to = append(to, m.bodies[n%int64(len(m.bodies))]...)
	return append(strconv.AppendInt(to, n, 10), '}')
}

func (m *messages) message(key, value []byte, n int64) (k, v []byte) {
	key = append(key, make([]byte, 36)...)
	m.key(key[len(key)-36:], n)
	return key, m.value(value, n)
}

// beside is nothing.
func (m *messages) beside(int64, func(string, []byte, []byte) error) error { return nil }

func (m *messages) bytes() int {
	sum := 0
	for _, body := range m.bodies {
		sum += len(body) + len("100000}")
	}
	return sum / len(m.bodies)
}
