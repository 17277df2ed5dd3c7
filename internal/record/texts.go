package record

// Texts holds texts, each named by the number that stands for it in a row. The zero value is ready.
type Texts struct {
	bytes []byte
	ends  []int
}

// Add keeps a copy of a text and returns its number.
func (t *Texts) Add(text []byte) float64 {
	t.bytes = append(t.bytes, text...)
	t.ends = append(t.ends, len(t.bytes))
	return float64(len(t.ends) - 1)
}

// At returns the text of a number that Add returned, valid until Reset.
func (t *Texts) At(number float64) []byte {
	i := int(number)
	from := 0
	if i > 0 {
		from = t.ends[i-1]
	}
	return t.bytes[from:t.ends[i]:t.ends[i]]
}

// Len is the number of texts.
func (t *Texts) Len() int { return len(t.ends) }

// Reset forgets the texts and keeps the memory.
func (t *Texts) Reset() { t.truncate(0) }

// truncate takes back what was added after the first n texts.
func (t *Texts) truncate(n int) {
	t.ends = t.ends[:n]
	if n == 0 {
		t.bytes = t.bytes[:0]
		return
	}
	t.bytes = t.bytes[:t.ends[n-1]]
}
