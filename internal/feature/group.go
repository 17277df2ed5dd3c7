package feature

// grouped are the rows of a table, those of each key in event order one after the other, with what a stage looks at of them.
type grouped struct {
	starts []int32 // of each key, and the end
	rows   []int32
	values []float64 // [rows, columns] of the stage's columns
	labels []Label   // where a row has its label when it becomes history
}

// share returns which keys a worker takes: about as many rows as every other.
func (g *grouped) share(worker, workers int) (from, to int) {
	edge := func(w int) int {
		if w == workers {
			return len(g.starts) - 1
		}
		rows := int32(int64(w) * int64(len(g.rows)) / int64(workers))
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
	g := &grouped{rows: make([]int32, n), starts: make([]int32, keys+1), values: make([]float64, n*len(columns))}
	adviseHugePages(g.values)
	if r.known == nil && r.table.Labels != nil && s.LooksAtLabels() {
		g.labels = make([]Label, n)
	}
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
		g.rows[at] = int32(i)
		values := g.values[at*len(columns):][:len(columns)]
		for c, column := range columns {
			values[c] = column[i]
		}
		if g.labels != nil {
			g.labels[at] = r.table.Labels[i]
		}
	}
	return g
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
		least, most = min(least, v), max(most, v)
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
