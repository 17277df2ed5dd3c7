// Package record turns the bytes of a Kafka message into rows of numbers, or says in one word why it cannot.
//
// It is the first step of every prediction, so it is made for one thing: a schema of numeric columns, and the two JSON
// shapes in which such rows travel. Both are told apart by their content:
//
//	{"columns":["V1","Amount"],"data":[[0.5,12.3],[1.5,7]],"id":7}    pandas' "split" form, any number of rows
//	{"V1":0.5,"Amount":12.3,"id":7}                                   a plain object, one row
//
// Guarantees:
//   - All rows of a message are decoded, or none, and then the error is a *Reject with a stable Reason.
//   - Numbers are read exactly as strconv.ParseFloat reads them, to the last bit, also by the vector instructions that most of
//     them are read with on processors of amd64 that have AVX2. The build tag purego leaves those out.
//   - JSON is read strictly: trailing bytes, control characters in strings, leading zeros and the like are refused.
//     (Like encoding/json, it tolerates invalid UTF-8 inside strings.)
//   - Decoding a valid message allocates nothing once the Rows have grown to the size of a batch.
//   - No input makes it panic, recurse or read past Limits.
//
// Example:
//
//	schema, _ := record.NewSchema([]record.Field{{Name: "V1"}, {Name: "Amount"}})
//	decoder := record.NewDecoder(schema, record.Limits{})
//	var rows record.Rows
//	n, err := decoder.Decode(message.Value, &rows)   // n rows were appended; rows.Row(0) is [V1, Amount]
package record

// Message is one Kafka message as the loop hands it on. Key and Value are only valid until the next poll.
type Message struct {
	Partition int32
	Offset    int64
	Timestamp int64  // Kafka's timestamp in unix milliseconds, -1 where there is none
	Key       []byte // nil: the message has no key
	Value     []byte // nil: a tombstone
}
