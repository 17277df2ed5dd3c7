package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"temporal-streaming/bench/internal/ledger"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
	"temporal-streaming/pipelines"
)

// simulated are payments of some months, and the features that training computes of them.
func simulated(t *testing.T, rows int) (*transactions, feature.Replayed, int) {
	t.Helper()
	d, err := pipelines.Load(transactionsName)
	if err != nil {
		t.Fatal(err)
	}
	table, err := simulateTransactions(dataset.TransactionOptions{Rows: rows, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	s := &transactions{labels: d.Label.Topic, after: int64(d.LabelDelay().Seconds()) / 2}
	if err := s.take(table); err != nil {
		t.Fatal(err)
	}
	program, err := feature.ProgramOf(d)
	if err != nil {
		t.Fatal(err)
	}
	in, err := feature.TableOf(d, table.Column, table.Texts)
	if err != nil {
		t.Fatal(err)
	}
	replayed, err := program.Replay(in, feature.ReplayOptions{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s, replayed, program.Width()
}

// The ledger shares no code with the stream or with training, and must come to the same features, to the bit.
func TestLedgerComputesTheFeaturesThatTrainingDoes(t *testing.T) {
	const partitions = 4
	sent := int64(30_000)
	s, replayed, width := simulated(t, int(sent))
	l := ledger.NewOfPayments(sent, s.payment, partitions)
	next, places := [partitions]int64{}, make([]int64, sent)
	for n := range sent {
		p := int32(s.payment(n).Customer % partitions)
		places[n] = next[p]
		next[p]++
		if err := l.Place(n, p, places[n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Models("1", []int32{0, 1, 2, 3}, nil); err != nil {
		t.Fatal(err)
	}
	l.Reported(sent)
	at, frauds := [partitions]int64{}, 0
	hand := func(p int64, value []byte) {
		l.Hand(int32(p), at[p], value)
		at[p]++
	}
	label := func(id int64) {
		if !s.payment(id).Fraud {
			return
		}
		frauds++
		for p := range int64(partitions) {
			hand(p, handedLabel(id))
		}
	}
	for n := range sent {
		if err := s.beside(n, func(_ string, _, value []byte) error {
			var told struct {
				ID int64 `json:"TRANSACTION_ID"`
			}
			err := json.Unmarshal(value, &told)
			label(told.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		p, row := s.payment(n), replayed.X[int(n)*width:][:width]
		hand(p.Terminal%partitions, handedPayment(p.Customer%partitions, places[n], n, row[3:9]))
		x := make([]float32, width)
		feature.Round(row, x)
		l.Enter(int32(p.Terminal%partitions), n, fmt.Append(nil, p.Customer), fmt.Appendf(nil,
			`{"id":"%d","source_id":%d,"model_version":"1","partition":%d,"offset":%d,"features":"%016x","scored_at":"2026-01-02T03:04:05.006Z"}`,
			n, n, p.Customer%partitions, places[n], feature.Fingerprint(x)))
	}
	for id := s.told; id < sent; id++ { // those that would have been sent later
		label(id)
	}
	if c := l.Count(); !c.Exact() || frauds < 100 {
		t.Fatalf("%d frauds; %v\n%v", frauds, c, l.Offences())
	}
}

func handedPayment(partition, offset, n int64, known []float64) []byte {
	b := append([]byte{0xF7, 1, 1}, make([]byte, 8)...)
	for _, v := range []int64{partition, offset, 0, 0, 1} {
		b = binary.AppendVarint(b, v)
	}
	id := fmt.Append(nil, n)
	b = append(binary.AppendUvarint(append(b, 0), uint64(len(id))+1), id...)
	for range 5 { // columns
		b = binary.LittleEndian.AppendUint64(b, 0)
	}
	for _, v := range known {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func handedLabel(n int64) []byte {
	b := append([]byte{0xF7, 1, 2}, make([]byte, 8)...)
	return binary.AppendVarint(append(binary.LittleEndian.AppendUint64(b, uint64(n)), 1), 0)
}

// What is sent must be what the pipeline reads: the words of starter send, not the bench's own.
func TestPaymentsAreWhatThePipelineReads(t *testing.T) {
	s, _, _ := simulated(t, 1000)
	d, err := pipelines.Load(transactionsName)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		t.Fatal(err)
	}
	decoder := record.NewDecoder(schema, record.Limits{})
	var rows record.Rows
	for _, n := range []int64{0, 17, 999, 1000, 123_456} { // from 1000 on the file begins again, later
		_, value := s.message(nil, nil, n)
		rows.Reset()
		if _, err := decoder.Decode(value, &rows); err != nil || rows.N != 1 {
			t.Fatalf("%s: %v", value, err)
		}
		p := s.payment(n)
		got := fmt.Sprint(rows.Row(0))
		if want := fmt.Sprint([]float64{float64(n), float64(p.At), float64(p.Customer), float64(p.Terminal), float64(p.Cents) / 100}); got != want {
			t.Errorf("payment %d is read as %s, want %s", n, got, want)
		}
		if n > 0 && s.payment(n-1).At > p.At {
			t.Errorf("payment %d is before the one before", n)
		}
	}
}

func TestPaymentsAreSimulatedWhereTheHandbookIsNotThere(t *testing.T) {
	d, err := pipelines.Load(transactionsName)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	b := &bench{root: filepath.Join(t.TempDir(), "project"), stderr: &said}
	if _, err := b.transactionsFrom(filepath.Join(t.TempDir(), "none.parquet"), d, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file that was named and is not there is no error")
	}
	if testing.Short() {
		t.Skip("simulates a world of 1,754,155 payments")
	}
	s, err := b.transactionsFrom("", d, 1)
	if err != nil || len(s.rows) < 1_000_000 || !strings.Contains(s.about, "simulated") || !strings.Contains(said.String(), "simulating payments") {
		t.Fatalf("%v, %v, %s", s, err, said.String())
	}
}
