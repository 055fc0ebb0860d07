package dashboard

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// foxglove shows the whole graph: every topic whose type msgs knows is a channel,
// subscribed to while a client wants it.
type foxglove struct {
	d       *Node
	session string

	mu       sync.Mutex
	channels map[channelKey]*channel
	next     uint32
	clients  map[*foxClient]struct{}
}

type channelKey struct{ topic, typeName string }

// channel is one topic.
type channel struct {
	foxChannel
	key     channelKey
	there   bool // somebody publishes on it
	latched bool // late subscribers get what was said last

	// By foxglove.mu.
	wants map[*foxClient]uint32 // to the client's subscription id
	kept  map[string]*foxSample // latched: the newest of each publisher

	sub *rcl.Subscription // on the node's thread
}

// foxSample is a message that is encoded once, when the first client's turn comes.
type foxSample struct {
	when time.Time
	s    rcl.Sample
	once sync.Once
	cdr  []byte
}

func (s *foxSample) bytes() []byte {
	s.once.Do(func() {
		s.cdr = s.s.CDR
		if s.s.Message != nil {
			s.cdr = msgs.Marshal(s.s.Message)
		}
	})
	return s.cdr
}

func newFoxglove(d *Node) *foxglove {
	return &foxglove{
		d: d, session: strconv.FormatInt(d.n.Now().UnixNano(), 36),
		channels: map[channelKey]*channel{}, clients: map[*foxClient]struct{}{}, next: 1,
	}
}

func (f *foxglove) clientCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.clients)
}

// refresh looks for topics that came or went; on the node's thread.
func (f *foxglove) refresh() {
	if f.clientCount() == 0 {
		return
	}
	g := f.d.n.Graph()
	f.mu.Lock()
	defer f.mu.Unlock()
	there := map[channelKey]bool{}
	var came []foxChannel
	for _, t := range g.Topics {
		k := channelKey{t.Name, t.Type}
		if len(t.Publishers) == 0 {
			continue
		}
		there[k] = true
		c := f.channels[k]
		if c == nil {
			if c = f.newChannel(k); c == nil {
				continue
			}
		}
		if !c.there {
			c.there = true
			c.latched = !slices.ContainsFunc(t.Publishers, func(p rcl.EndpointInfo) bool { return p.QoS.Durability != rcl.TransientLocal })
			came = append(came, c.foxChannel)
		}
	}
	var gone []uint32
	for k, c := range f.channels {
		if c.there && !there[k] {
			c.there = false
			gone = append(gone, c.ID)
			c.wants = map[*foxClient]uint32{}
			f.d.n.Post(func() { f.settle(c) })
		}
	}
	slices.Sort(gone)
	for cl := range f.clients {
		if len(came) > 0 {
			cl.tell(foxAdvertise{"advertise", came})
		}
		if len(gone) > 0 {
			cl.forget(gone)
			cl.tell(foxUnadvertise{"unadvertise", gone})
		}
	}
}

// newChannel makes the channel of a type that we know; mu is held.
func (f *foxglove) newChannel(k channelKey) *channel {
	m, ok := msgs.New(k.typeName)
	if !ok {
		return nil
	}
	c := &channel{
		foxChannel: foxChannel{
			ID: f.next, Topic: k.topic, Encoding: "cdr", SchemaName: k.typeName, Schema: msgs.Definition(m), SchemaEncoding: "ros2msg",
		},
		key: k, wants: map[*foxClient]uint32{}, kept: map[string]*foxSample{},
	}
	f.next++
	f.channels[k] = c
	return c
}

// settle subscribes to a channel that somebody wants, and ends it when nobody does; on the node's thread.
func (f *foxglove) settle(c *channel) {
	f.mu.Lock()
	wanted, latched := len(c.wants) > 0, c.latched
	f.mu.Unlock()
	switch {
	case wanted && c.sub == nil:
		qos := rcl.QoS{Reliability: rcl.BestEffort, Depth: 10}
		if latched {
			qos.Durability = rcl.TransientLocal
		}
		sub, err := rcl.SubscribeRaw(f.d.n, c.Topic, c.SchemaName, qos, func(s rcl.Sample, i rcl.Info) { f.deliver(c, s, i) })
		if err != nil {
			f.d.n.Log().Warn().Err(err).Msg("a Foxglove client's topic")
			return
		}
		c.sub = sub
	case !wanted && c.sub != nil:
		_ = c.sub.Close()
		c.sub = nil
		f.mu.Lock()
		clear(c.kept)
		f.mu.Unlock()
	}
}

// deliver puts a message into the queues of those who want it.
func (f *foxglove) deliver(c *channel, s rcl.Sample, i rcl.Info) {
	sample := &foxSample{when: i.Received, s: s}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.latched && (len(c.kept) < 50 || c.kept[s.Publisher] != nil) {
		c.kept[s.Publisher] = sample
	}
	for cl, id := range c.wants {
		cl.put(c, id, sample)
	}
}

// FoxgloveHandler serves Foxglove's protocol at any path.
func (d *Node) FoxgloveHandler() http.Handler { return http.HandlerFunc(d.fox.serve) }

func (f *foxglove) serve(w http.ResponseWriter, r *http.Request) {
	cfg := f.d.cfg
	if !cfg.mayRead(r) {
		http.Error(w, "pages of "+r.Header.Get("Origin")+" may not read here: name their host in the parameter foxglove_origins", http.StatusForbidden)
		return
	}
	f.d.handlers.Add(1)
	defer f.d.handlers.Done()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: foxgloveSubprotocols, InsecureSkipVerify: true, // the origin was looked at
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	if conn.Subprotocol() == "" {
		_ = conn.Close(websocket.StatusPolicyViolation, "this is a Foxglove server: ask for subprotocol foxglove.websocket.v1")
		return
	}
	conn.SetReadLimit(1 << 18)
	ctx, cancel := context.WithCancel(f.d.n.Context())
	defer cancel()
	stop := context.AfterFunc(r.Context(), cancel)
	defer stop()
	c := newFoxClient(f, conn)
	if !f.join(c, cfg.Viewers) {
		_ = conn.Close(websocket.StatusTryAgainLater, "too many clients: close one, or raise the parameter viewers")
		return
	}
	defer f.leave(c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		c.read(ctx)
	}()
	c.write(ctx)
	cancel()
	<-done
}

// join adds a client and tells it what there is.
func (f *foxglove) join(c *foxClient, most int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.clients) >= most {
		return false
	}
	info := foxServerInfo{
		Op: "serverInfo", Name: f.d.robot.Name, Capabilities: []string{}, Encodings: []string{}, Metadata: map[string]string{}, Session: f.session,
	}
	if f.d.n.Simulated() {
		info.Capabilities = append(info.Capabilities, "time")
	}
	c.tell(info)
	all := foxAdvertise{Op: "advertise", Channels: []foxChannel{}}
	for _, ch := range f.channels {
		if ch.there {
			all.Channels = append(all.Channels, ch.foxChannel)
		}
	}
	slices.SortFunc(all.Channels, func(a, b foxChannel) int { return cmp.Compare(a.ID, b.ID) })
	c.tell(all)
	f.clients[c] = struct{}{}
	f.d.n.Post(f.refresh)
	return true
}

func (f *foxglove) leave(c *foxClient) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.clients, c)
	for _, ch := range f.channels {
		if _, ok := ch.wants[c]; ok {
			delete(ch.wants, c)
			f.d.n.Post(func() { f.settle(ch) })
		}
	}
}

// subscribe begins a client's subscription; its error is for the client.
func (f *foxglove) subscribe(c *foxClient, id, channelID uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ch := range f.channels {
		used, ok := ch.wants[c]
		switch {
		case ok && used == id:
			return fmt.Errorf("subscription %d is in use for %s", id, ch.Topic)
		case ok && ch.ID == channelID:
			return fmt.Errorf("%s is subscribed to already, as subscription %d", ch.Topic, used)
		}
	}
	for _, ch := range f.channels {
		if ch.ID == channelID && ch.there {
			ch.wants[c] = id
			for _, s := range ch.kept {
				c.put(ch, id, s)
			}
			f.d.n.Post(func() { f.settle(ch) })
			return nil
		}
	}
	return fmt.Errorf("there is no channel %d", channelID)
}

func (f *foxglove) unsubscribe(c *foxClient, id uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ch := range f.channels {
		if used, ok := ch.wants[c]; ok && used == id {
			delete(ch.wants, c)
			c.forget([]uint32{ch.ID})
			f.d.n.Post(func() { f.settle(ch) })
			return nil
		}
	}
	return fmt.Errorf("there is no subscription %d", id)
}

// foxClient is one connection.
type foxClient struct {
	f    *foxglove
	conn *websocket.Conn
	wake chan struct{} // buffered 1

	mu      sync.Mutex
	texts   [][]byte
	queues  map[uint32]*foxQueue // by channel
	order   []uint32             // channels whose queue holds something, the longest waiting first
	dropped uint64
	told    uint64 // drops that the client was told of
}

// foxQueue is what waits of one channel: newer pushes older out.
type foxQueue struct {
	id    uint32 // the subscription
	topic string
	items []*foxSample
}

func newFoxClient(f *foxglove, conn *websocket.Conn) *foxClient {
	return &foxClient{f: f, conn: conn, wake: make(chan struct{}, 1), queues: map[uint32]*foxQueue{}}
}

func (c *foxClient) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// keepTexts bounds what waits for a client that takes nothing.
const keepTexts = 1000

// tell queues a JSON message.
func (c *foxClient) tell(m any) {
	text, err := json.Marshal(m)
	if err != nil {
		return // these types hold nothing that JSON can't carry
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.texts) < keepTexts {
		c.texts = append(c.texts, text)
	}
	c.signal()
}

// Queue lengths: of images only the newest counts.
const (
	queueLength  = 32
	largeMessage = 64 << 10 // bytes
)

// put queues a message; the oldest goes when the queue is full.
func (c *foxClient) put(ch *channel, id uint32, s *foxSample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[ch.ID]
	if q == nil {
		q = &foxQueue{topic: ch.Topic}
		c.queues[ch.ID] = q
	}
	q.id = id
	limit := queueLength
	if large(s.s) {
		limit = 1
	}
	if len(q.items) == 0 {
		c.order = append(c.order, ch.ID)
	}
	for len(q.items) >= limit {
		q.items = slices.Delete(q.items, 0, 1)
		c.dropped++
	}
	q.items = append(q.items, s)
	c.signal()
}

func large(s rcl.Sample) bool {
	switch m := s.Message.(type) {
	case *msgs.Image:
		return len(m.Data) > largeMessage
	case *msgs.CompressedImage:
		return len(m.Data) > largeMessage
	}
	return len(s.CDR) > largeMessage
}

// forget drops what waits of channels.
func (c *foxClient) forget(channels []uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range channels {
		delete(c.queues, id)
	}
	c.order = slices.DeleteFunc(c.order, func(id uint32) bool { return slices.Contains(channels, id) })
}

// take gives the next message to send; nil when nothing waits.
func (c *foxClient) take() (kind websocket.MessageType, m []byte, sample *foxSample, id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.texts) > 0 {
		m = c.texts[0]
		c.texts = slices.Delete(c.texts, 0, 1)
		return websocket.MessageText, m, nil, 0
	}
	if len(c.order) == 0 {
		return 0, nil, nil, 0
	}
	ch := c.order[0]
	c.order = slices.Delete(c.order, 0, 1)
	q := c.queues[ch]
	sample = q.items[0]
	q.items = slices.Delete(q.items, 0, 1)
	if len(q.items) > 0 {
		c.order = append(c.order, ch) // channels take turns
	}
	return websocket.MessageBinary, nil, sample, q.id
}

// write sends what waits, and the time where it is the simulator's.
func (c *foxClient) write(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	ticks := 0
	for {
		for {
			kind, m, sample, id := c.take()
			if sample != nil {
				m = foxMessage(id, nanoseconds(sample.when), sample.bytes())
			}
			if m == nil {
				break
			}
			if c.send(ctx, kind, m) != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-tick.C:
			ticks++
			if c.f.d.n.Simulated() && c.send(ctx, websocket.MessageBinary, foxTime(nanoseconds(c.f.d.n.Now()))) != nil {
				return
			}
			if ticks%100 == 0 {
				c.tellDrops()
			}
		}
	}
}

func nanoseconds(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

func (c *foxClient) send(ctx context.Context, kind websocket.MessageType, m []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	return c.conn.Write(ctx, kind, m)
}

// tellDrops says how many messages the connection was too slow for.
func (c *foxClient) tellDrops() {
	c.mu.Lock()
	more := c.dropped > c.told
	n := c.dropped
	c.told = n
	c.mu.Unlock()
	if more {
		c.tell(foxStatus{Op: "status", Level: foxWarning, Message: fmt.Sprintf("%d messages were left out so far: newer ones came before they could be sent", n), ID: "drops"})
	}
}

// read takes what the client asks for until it leaves.
func (c *foxClient) read(ctx context.Context) {
	for {
		kind, data, err := c.conn.Read(ctx)
		if err != nil {
			return
		}
		for _, err := range c.request(kind, data) {
			c.tell(foxStatus{Op: "status", Level: foxError, Message: err.Error()})
		}
	}
}

func (c *foxClient) request(kind websocket.MessageType, data []byte) (errs []error) {
	if kind != websocket.MessageText {
		return []error{fmt.Errorf("this server only shows: it takes no binary messages")}
	}
	var q foxRequest
	if err := json.Unmarshal(data, &q); err != nil {
		return []error{fmt.Errorf("the message is no JSON object with an op: %w", err)}
	}
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	switch q.Op {
	case "subscribe":
		for _, s := range q.Subscriptions {
			keep(c.f.subscribe(c, s.ID, s.ChannelID))
		}
	case "unsubscribe":
		for _, id := range q.SubscriptionIDs {
			keep(c.f.unsubscribe(c, id))
		}
	default:
		keep(fmt.Errorf("this server does not offer %q: it only shows", q.Op))
	}
	return errs
}
