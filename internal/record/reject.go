package record

// Reason says in one stable word why a message was refused. It becomes a dead letter's header and a metric's label, so the
// set is small and closed, and a reason never changes its meaning.
type Reason string

const (
	NotJSON         Reason = "not_json"         // malformed or truncated JSON, or something after its end
	MissingColumn   Reason = "missing_column"   // a column of the schema is not there
	MissingValue    Reason = "missing_value"    // a column's value is null, which is how pandas writes NaN
	WrongType       Reason = "wrong_type"       // a value of another type than the column's; a numeric string is not a number
	NotFinite       Reason = "not_finite"       // NaN, Infinity, or a number beyond float64
	TooLarge        Reason = "too_large"        // more bytes than Limits.MaxBytes; or a key or id beyond MaxIDBytes
	TooDeep         Reason = "too_deep"         // an ignored value is nested more than 64 deep
	TooManyRows     Reason = "too_many_rows"    // more rows than Limits.MaxRows
	RowLength       Reason = "row_length"       // a row with more or fewer values than there are columns
	DuplicateColumn Reason = "duplicate_column" // a column of the schema appears twice
	DuplicateKey    Reason = "duplicate_key"    // "columns", "data" or "id" appears twice
	Empty           Reason = "empty"            // no bytes, or no rows
	Tombstone       Reason = "tombstone"        // a null value
)

// Reject is the error of every refused message. Detail names columns and rows, and never quotes the message: it may hold
// what must not reach a log.
type Reject struct {
	Reason Reason
	Detail string
}

func (r *Reject) Error() string { return "decode message: " + string(r.Reason) + ": " + r.Detail }
