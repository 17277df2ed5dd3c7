package feature

import "math"

// grouped are the rows of a table, those of each key in event order one after the other, with what a stage looks at of them.
type grouped struct {
	starts []int32  // of each key, and the end
	words  []uint64 // [rows, 1 + columns]: which row of the table it is and the label that it has when it becomes history; the stage's columns
	stride int
}

// row is the place of the table's row that stands at a place of the grouped ones.
func (g *grouped) row(at int) int { return int(uint32(g.words[at*g.stride])) }

// label is the label of that row.
func (g *grouped) label(at int) Label { return Label(g.words[at*g.stride] >> 32) }

// share returns which keys a worker takes: about as many rows as every other.
func (g *grouped) share(worker, workers int) (from, to int) {
	edge := func(w int) int {
		if w == workers {
			return len(g.starts) - 1
		}
		rows := int32(int64(w) * int64(len(g.words)/g.stride) / int64(workers))
		key := 0
		for key < len(g.starts)-1 && g.starts[key] < rows {
			key++
		}
		return key
	}
	return edge(worker), edge(worker + 1)
}

// group sorts the rows by a stage's key, by counting. It goes through the table once in event order: where it writes, the place of
// every key stays in the cache.
func (r *replay) group(s *Stage) *grouped {
	ids, keys := r.numbered(s)
	n := len(r.table.Columns[0])
	columns := make([][]float64, len(s.columns))
	for c, column := range s.columns {
		columns[c] = r.table.Columns[column]
	}
	g := &grouped{starts: make([]int32, keys+1), words: r.room(n * (1 + len(columns))), stride: 1 + len(columns)}
	labelled := r.known == nil && r.table.Labels != nil && s.LooksAtLabels()
	for i := range n {
		g.starts[ids.of(i)+1]++
	}
	for key := range keys {
		g.starts[key+1] += g.starts[key]
	}
	next := append([]int32(nil), g.starts[:keys]...)
	for k := range n {
		i := k
		if r.order != nil {
			i = r.order[k]
		}
		id := ids.of(i)
		at := int(next[id])
		next[id]++
		words := g.words[at*g.stride:][:g.stride]
		words[0] = uint64(i)
		if labelled {
			words[0] |= uint64(r.table.Labels[i]) << 32
		}
		for c, column := range columns {
			words[1+c] = math.Float64bits(column[i])
		}
	}
	return g
}

// room is memory for the rows of one stage after another.
func (r *replay) room(words int) []uint64 {
	if cap(r.space) < words {
		r.space = make([]uint64, words)
		adviseHugePages(r.space)
	}
	return r.space[:words]
}

// numbers are those of the keys of a table's rows, from 0 on: of whole numbers that lie close together, what they are above the least.
type numbers struct {
	column []float64
	least  float64
	ids    []int32 // else
}

func (n *numbers) of(i int) int32 {
	if n.ids != nil {
		return n.ids[i]
	}
	return int32(n.column[i] - n.least)
}

// numbered numbers the keys of a stage's rows.
func (r *replay) numbered(s *Stage) (numbers, int) {
	column := r.table.Columns[s.key]
	if len(column) == 0 {
		return numbers{column: column}, 0
	}
	if s.keyIsText {
		ids, seen := make([]int32, len(column)), map[string]int32{}
		for i, v := range column {
			text := r.table.Texts.At(v)
			id, ok := seen[string(text)]
			if !ok {
				id = int32(len(seen))
				seen[string(text)] = id
			}
			ids[i] = id
		}
		return numbers{ids: ids}, len(seen)
	}
	least, most := column[0], column[0]
	for _, v := range column {
		if !(v >= least && v <= most) { // seldom; what is no number stays
			least, most = min(least, v), max(most, v)
		}
	}
	if span := most - least; span < float64(2*len(column)+1024) {
		return numbers{column: column, least: least}, int(span) + 1
	}
	ids, seen := make([]int32, len(column)), map[float64]int32{}
	for i, v := range column {
		id, ok := seen[v]
		if !ok {
			id = int32(len(seen))
			seen[v] = id
		}
		ids[i] = id
	}
	return numbers{ids: ids}, len(seen)
}
