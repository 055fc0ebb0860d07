package text

// bpe holds the vocabulary and the merge rules over ids.
type bpe struct {
	vocab  map[string]uint32 // raw bytes to id
	bytes  [256]int64        // id of each single byte; -1 where the vocabulary lacks it
	merges map[uint64]merge  // left id << 32 | right id
	// whole: a piece that is an entry of the vocabulary is that entry, whatever the merges say.
	whole bool
}

type merge struct{ rank, id uint32 }

// symbol is one link of the chain that a piece is while it is merged.
type symbol struct {
	id         uint32
	prev, next int32 // -1 at the ends
	gone       bool
}

// candidate is a pair that could merge: lowest rank first, leftmost of equals.
type candidate struct {
	rank        uint32
	at          int32
	left, right uint32 // what the pair was when it was found; stale when it is no more
}

func (c candidate) before(o candidate) bool {
	return c.rank < o.rank || c.rank == o.rank && c.at < o.at
}

// workspace is kept between pieces so that encoding allocates little.
type workspace struct {
	symbols []symbol
	heap    []candidate
}

// encode appends the ids of one piece. Time is n log n in its length, so that a
// hostile text of one long word costs no more than a long text.
func (b *bpe) encode(ids []int32, piece string, w *workspace) []int32 {
	if b.whole || len(piece) == 1 {
		if id, ok := b.vocab[piece]; ok {
			return append(ids, int32(id))
		}
	}
	w.symbols, w.heap = w.symbols[:0], w.heap[:0]
	for i := range len(piece) {
		id := b.bytes[piece[i]]
		if id < 0 {
			continue // no unknown token in this family: the byte is dropped
		}
		n := int32(len(w.symbols))
		w.symbols = append(w.symbols, symbol{id: uint32(id), prev: n - 1, next: n + 1})
	}
	if len(w.symbols) == 0 {
		return ids
	}
	w.symbols[len(w.symbols)-1].next = -1
	for i := range len(w.symbols) - 1 {
		b.consider(w, int32(i))
	}
	for len(w.heap) > 0 {
		c := w.pop()
		left := &w.symbols[c.at]
		if left.gone || left.id != c.left || left.next < 0 {
			continue
		}
		right := &w.symbols[left.next]
		if right.id != c.right {
			continue
		}
		left.id = b.merges[pair(c.left, c.right)].id
		right.gone = true
		left.next = right.next
		if left.next >= 0 {
			w.symbols[left.next].prev = c.at
			b.consider(w, c.at)
		}
		if left.prev >= 0 {
			b.consider(w, left.prev)
		}
	}
	for i := int32(0); i >= 0; i = w.symbols[i].next {
		ids = append(ids, int32(w.symbols[i].id))
	}
	return ids
}

// consider puts the pair that starts at symbol i on the heap if a rule merges it.
func (b *bpe) consider(w *workspace, i int32) {
	left, right := w.symbols[i].id, w.symbols[w.symbols[i].next].id
	if m, ok := b.merges[pair(left, right)]; ok {
		w.push(candidate{rank: m.rank, at: i, left: left, right: right})
	}
}

func pair(left, right uint32) uint64 { return uint64(left)<<32 | uint64(right) }

func (w *workspace) push(c candidate) {
	w.heap = append(w.heap, c)
	i := len(w.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !w.heap[i].before(w.heap[parent]) {
			return
		}
		w.heap[i], w.heap[parent] = w.heap[parent], w.heap[i]
		i = parent
	}
}

func (w *workspace) pop() candidate {
	top, last := w.heap[0], len(w.heap)-1
	w.heap[0] = w.heap[last]
	w.heap = w.heap[:last]
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < last && w.heap[child].before(w.heap[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		w.heap[i], w.heap[least] = w.heap[least], w.heap[i]
		i = least
	}
}
