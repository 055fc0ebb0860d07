package rcl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"cobot_vla/msgs"
)

// rosoutQoS is ROS 2's for /rosout (rmw_qos_profile_rosout_default) but for the
// depth: it keeps 1000 lines for 10 s, and we know no lifespan.
var rosoutQoS = QoS{Durability: TransientLocal, Depth: 100}

// publishLog has the node's log go to /rosout as well, where the context says
// what else it goes to.
func (n *Node) publishLog() error {
	if n.ctx.logOutput == nil || n.args.NoRosout && n.args.NoStdout {
		return nil
	}
	var outputs []io.Writer
	if !n.args.NoStdout {
		outputs = append(outputs, n.ctx.logOutput)
	}
	if !n.args.NoRosout {
		pub, err := Advertise[msgs.Log](n, "/rosout", rosoutQoS)
		if err != nil {
			return err
		}
		name := strings.ReplaceAll(strings.TrimPrefix(n.name.String(), "/"), "/", ".")
		outputs = append(outputs, &rosout{n: n, name: name, pub: pub})
	}
	n.log = n.log.Output(zerolog.MultiLevelWriter(outputs...))
	return nil
}

// rosout publishes a node's log lines.
type rosout struct {
	n    *Node
	name string // the logger's: the node's, with dots
	pub  *Publisher[msgs.Log]
}

// Write implements io.Writer.
func (r *rosout) Write(line []byte) (int, error) { return r.WriteLevel(zerolog.InfoLevel, line) }

// WriteLevel implements zerolog.LevelWriter. A line that can't be published is on
// the console, so that is no error.
func (r *rosout) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	_ = r.pub.Publish(&msgs.Log{
		Stamp: msgs.Stamp(r.n.Now()), Level: rosLevel(level), Name: r.name, Msg: logText(line),
	})
	return len(line), nil
}

func rosLevel(level zerolog.Level) uint8 {
	switch {
	case level >= zerolog.FatalLevel:
		return msgs.LogFatal
	case level == zerolog.ErrorLevel:
		return msgs.LogError
	case level == zerolog.WarnLevel:
		return msgs.LogWarn
	case level == zerolog.InfoLevel:
		return msgs.LogInfo
	}
	return msgs.LogDebug
}

// logText is a log line's message and fields, without what /rosout says itself.
func logText(line []byte) string {
	fields := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return strings.TrimSpace(string(line))
	}
	message, _ := fields[zerolog.MessageFieldName].(string)
	for _, known := range []string{zerolog.MessageFieldName, zerolog.LevelFieldName, zerolog.TimestampFieldName, "node"} {
		delete(fields, known)
	}
	parts := []string{}
	if message != "" {
		parts = append(parts, message)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, fmt.Sprintf("%s=%v", name, fields[name]))
	}
	return strings.Join(parts, " ")
}
