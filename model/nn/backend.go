package nn

// RowsAlike is the most rows of a pass whose results do not depend on the pass:
// the scores and the hidden state of a position are the same, bit for bit, whether it was
// computed alone or beside up to RowsAlike-1 others. Parallel decoding rests on it.
// Longer passes may sum in another order.
const RowsAlike = 128

// Backend runs the sublayers of a transformer. Conformance in nntest is what
// its implementations have in common.
type Backend interface {
	// Weight loads a matrix and its bias. The parts' Read functions are called
	// before it returns and not kept.
	Weight(spec WeightSpec) Weight
	// Norm loads the parameters of a layer norm or an RMS norm.
	Norm(spec NormSpec) Norm
	// Buf makes a matrix of activations, zeroed.
	Buf(rows, cols int) Buf
	// Cache makes room for keys and values, empty.
	Cache(spec CacheSpec) Cache
	// Tokens makes room for that many token ids, empty.
	Tokens(capacity int) Tokens

	// Write copies from the host: data is dst.Rows x dst.Cols.
	Write(dst Buf, data []float32)
	// Read waits for what was enqueued and copies to the host: dst is src.Rows x src.Cols.
	Read(dst []float32, src Buf) error
	// Put replaces the ids that t holds.
	Put(t Tokens, ids []int32)
	// ReadTokens waits for what was enqueued and appends the ids that t holds to dst.
	ReadTokens(dst []int32, t Tokens) ([]int32, error)
	// Sync waits for what was enqueued and returns the first error since the backend was made.
	Sync() error
	// Close frees everything the backend made.
	Close() error

	// Embed puts the rows of table that the last dst.Rows ids of t name into dst.
	Embed(dst Buf, table Weight, t Tokens)
	// Patch embeds images: cuts them into patches, multiplies by w and adds pos.
	// pixels is [images*Channels*Height, Width]; each image fills one run of
	// dst rows, Skip rows (left as they are) and then its patches, row-major;
	// pos is [Skip+patches, dst.Cols], of which the first Skip rows are not used.
	Patch(dst, pixels Buf, w Weight, pos Buf, p Patches)
	// Linear is dst = act(norm(x) Wᵀ + bias), or dst += that when op.Residual. With
	// the zero Weight it is norm and activation alone. dst may be x
	// when their shapes are the same.
	Linear(dst, x Buf, w Weight, op Op)
	// QKV projects norm(x) to queries, keys and values. Queries go to q [x.Rows,
	// Heads*HeadDim], keys and values are appended to the layer; with the zero Buf
	// for q there are no query rows in w. Queries and keys are rotated by their
	// position in the layer when the cache has a RopeTheta.
	// w is [Heads*HeadDim | KVHeads*HeadDim | KVHeads*HeadDim, x.Cols].
	QKV(q, x Buf, w Weight, norm Norm, c Cache, layer int)
	// Attend is dst = softmax(q kᵀ / sqrt(HeadDim)) v over the keys of the layer that
	// the mask lets each row see; both q and dst are [rows, Heads*HeadDim].
	// Query head h reads key head h / (Heads/KVHeads).
	Attend(dst, q Buf, c Cache, layer int, m Mask)
	// GatedMLP is dst += W_down(silu(W_gate y) * (W_up y)) with y = norm(x). gateUp
	// is a Gated weight. dst may be x.
	GatedMLP(dst, x Buf, norm Norm, gateUp, down Weight)
	// Gather copies rows: dst.Cols is n times src.Cols, and row i of dst is rows
	// index[i*n .. i*n+n) of src side by side. A negative index leaves its
	// part as it is. index is read before Gather returns.
	Gather(dst, src Buf, index []int32)
	// Seek makes every layer of c hold its first n positions: 0 empties it.
	Seek(c Cache, n int)
	// Scores is dst = norm(x) headᵀ (+ bias), only for the ids in set, in their order.
	Scores(dst, x Buf, norm Norm, head Weight, set *Set)
	// Pick appends to dst, for each row of scores, the id in set with the highest
	// score, the lowest id when several have it. A penalty other than 0 and 1 first divides
	// the positive and multiplies the other scores of ids generated before that
	// row: with n rows, row i knows all but the last n-1-i ids of history.
	// dst may be history.
	Pick(dst, history Tokens, scores Buf, set *Set, penalty float32)
}
