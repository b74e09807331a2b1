package embedded

// pageLen is the number of positions in one page of a cache.
const pageLen = 32

// page holds keys and values of pageLen positions, laid out [layer][position][dim].
type page[T any] struct{ k, v []T }

// pages is the key-value cache of one sequence. Full pages are never written
// again, so that sequences with a common beginning share them.
type pages[T any] struct {
	layers, dim int
	list        []*page[T]
	n           int // positions held
}

// grow makes room for n more positions and counts them as held; the caller fills them.
func (p *pages[T]) grow(n int) {
	p.n += n
	for len(p.list)*pageLen < p.n {
		size := p.layers * pageLen * p.dim
		p.list = append(p.list, &page[T]{make([]T, size), make([]T, size)})
	}
}

// at returns the key and value of one position.
func (p *pages[T]) at(layer, pos int) (k, v []T) {
	pg := p.list[pos/pageLen]
	from := (layer*pageLen + pos%pageLen) * p.dim
	return pg.k[from:][:p.dim], pg.v[from:][:p.dim]
}

// fork returns a cache that holds the first n positions and may go its own way.
// Positions after the first n may be written by their owner meanwhile.
func (p *pages[T]) fork(n int) pages[T] {
	full := n / pageLen
	q := pages[T]{layers: p.layers, dim: p.dim, n: full * pageLen}
	q.list = append(q.list, p.list[:full]...)
	if n == q.n {
		return q
	}
	from := p.list[full]
	q.grow(n - q.n)
	to := q.list[full]
	for l := range p.layers {
		at, size := l*pageLen*p.dim, (n-full*pageLen)*p.dim
		copy(to.k[at:][:size], from.k[at:][:size])
		copy(to.v[at:][:size], from.v[at:][:size])
	}
	return q
}

// each calls f for each page that holds some of the first n positions, with the
// keys and values of one layer there.
func (p *pages[T]) each(layer, n int, f func(from, to int, k, v []T)) {
	for i := 0; i*pageLen < n; i++ {
		pg, at, size := p.list[i], layer*pageLen*p.dim, pageLen*p.dim
		f(i*pageLen, min(n, (i+1)*pageLen), pg.k[at:][:size], pg.v[at:][:size])
	}
}
