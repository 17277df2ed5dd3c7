package stream

type Kind uint8

const (
	Prediction Kind = iota
	DeadLetterKind
)

type Result struct {
	Input      int
	Kind       Kind
	Key, Value []byte
	Reason     string
	Detail     string
}

type Output struct{ Results []Result }

func (o *Output) Reset() { o.Results = o.Results[:0] }
