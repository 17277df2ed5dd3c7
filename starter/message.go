package main

import (
	crand "crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"

	"temporal-streaming/internal/dataset"
)

// messages encodes rows of a table as the messages that streams read:
//
//	key    the text of a random UUID
//	value  {"columns":["V1",...,"Amount"],"data":[[-1.35,...,149.62]],"id":0}
//
// Numbers have as few digits as give the same float64 back. Key and value are reused:
// they are valid until the next call.
type messages struct {
	table  dataset.Table
	random *rand.ChaCha8
	head   []byte
	key    []byte
	value  []byte
}

// newMessages draws keys from seed, or from the system's randomness if it is 0.
func newMessages(table dataset.Table, seed uint64) (*messages, error) {
	var key [32]byte
	if seed != 0 {
		for i := range 4 {
			for j := range 8 {
				key[8*i+j] = byte(seed >> (8 * j))
			}
		}
	} else if _, err := crand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("draw random keys: %w", err)
	}
	columns, err := json.Marshal(table.Names())
	if err != nil {
		return nil, fmt.Errorf("encode the column names: %w", err)
	}
	return &messages{
		table: table, random: rand.NewChaCha8(key), key: []byte("00000000-0000-0000-0000-000000000000"),
		head: append(append([]byte(`{"columns":`), columns...), `,"data":[[`...),
	}, nil
}

// encode makes message number id of row.
func (m *messages) encode(row int, id int64) (key, value []byte) {
	var u [16]byte
	m.random.Read(u[:])     // never fails
	u[6] = u[6]&0x0f | 0x40 // version 4: random
	u[8] = u[8]&0x3f | 0x80 // RFC 9562
	hex.Encode(m.key[0:], u[0:4])
	hex.Encode(m.key[9:], u[4:6])
	hex.Encode(m.key[14:], u[6:8])
	hex.Encode(m.key[19:], u[8:10])
	hex.Encode(m.key[24:], u[10:])
	v := append(m.value[:0], m.head...)
	for c := range m.table.Columns {
		if c > 0 {
			v = append(v, ',')
		}
		v = strconv.AppendFloat(v, m.table.Data[c][row], 'g', -1, 64)
	}
	v = append(v, `]],"id":`...)
	v = append(strconv.AppendInt(v, id, 10), '}')
	m.value = v
	return m.key, v
}
