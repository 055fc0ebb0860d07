package episode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobot_vla/nodes/rcl"

	"gopkg.in/yaml.v3"
)

// The metadata.yaml of a rosbag2 bag, version 5 (ROS 2 Humble), which every later one reads.
type bagYAML struct {
	Info bagInfo `yaml:"rosbag2_bagfile_information"`
}

type bagInfo struct {
	Version     int          `yaml:"version"`
	Storage     string       `yaml:"storage_identifier"`
	Duration    bagDuration  `yaml:"duration"`
	Start       bagTime      `yaml:"starting_time"`
	Messages    uint64       `yaml:"message_count"`
	Topics      []bagTopic   `yaml:"topics_with_message_count"`
	Compression string       `yaml:"compression_format"`
	Mode        string       `yaml:"compression_mode"`
	Paths       []string     `yaml:"relative_file_paths"`
	Files       []bagContent `yaml:"files"`
}

type bagDuration struct {
	Nanoseconds int64 `yaml:"nanoseconds"`
}

type bagTime struct {
	Nanoseconds int64 `yaml:"nanoseconds_since_epoch"`
}

type bagTopic struct {
	Metadata bagTopicInfo `yaml:"topic_metadata"`
	Messages uint64       `yaml:"message_count"`
}

type bagTopicInfo struct {
	Name   string `yaml:"name"`
	Type   string `yaml:"type"`
	Format string `yaml:"serialization_format"`
	QoS    string `yaml:"offered_qos_profiles"`
}

type bagContent struct {
	Path     string      `yaml:"path"`
	Start    bagTime     `yaml:"starting_time"`
	Duration bagDuration `yaml:"duration"`
	Messages uint64      `yaml:"message_count"`
}

// writeBag writes the metadata.yaml beside the episode, whole or not at all.
func writeBag(e *Episode) error {
	name := filepath.Base(e.Path)
	start, duration := bagTime{nanoseconds(e.First)}, bagDuration{int64(e.Duration())}
	b := bagInfo{
		Version: 5, Storage: "mcap", Duration: duration, Start: start, Messages: e.Messages, Paths: []string{name},
		Files: []bagContent{{Path: name, Start: start, Duration: duration, Messages: e.Messages}},
	}
	for _, s := range e.Streams {
		b.Topics = append(b.Topics, bagTopic{Metadata: bagTopicInfo{Name: s.Topic, Type: s.Type, Format: "cdr", QoS: s.QoS}, Messages: s.Messages})
	}
	text, err := yaml.Marshal(bagYAML{b})
	if err != nil {
		return fmt.Errorf("episode: %w", err)
	}
	path := filepath.Join(filepath.Dir(e.Path), bagFile)
	if err := writeWhole(path, text); err != nil {
		return fmt.Errorf("episode: %w", err)
	}
	return nil
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// writeWhole replaces a file by one of that content; a crash leaves the old one or the new.
func writeWhole(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"_*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o666 &^ 0o022)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// The middleware's numbers of rmw/types.h, and its infinite duration, as rosbag2 writes them.
const (
	bagKeepLast       = 1
	bagReliable       = 1
	bagBestEffort     = 2
	bagTransientLocal = 1
	bagVolatile       = 2
	bagAutomatic      = 1
)

var (
	bagInfinite = bagSpan{9223372036, 854775807}
)

type bagSpan struct {
	Sec  int64 `yaml:"sec"`
	Nsec int64 `yaml:"nsec"`
}

type bagQoS struct {
	History     int     `yaml:"history"`
	Depth       int     `yaml:"depth"`
	Reliability int     `yaml:"reliability"`
	Durability  int     `yaml:"durability"`
	Deadline    bagSpan `yaml:"deadline"`
	Lifespan    bagSpan `yaml:"lifespan"`
	Liveliness  int     `yaml:"liveliness"`
	Lease       bagSpan `yaml:"liveliness_lease_duration"`
	Plain       bool    `yaml:"avoid_ros_namespace_conventions"`
}

// OfferedQoS writes what the publishers of a topic offer as rosbag2 does, so
// that a player offers the same.
func OfferedQoS(offers []rcl.QoS) string {
	var all []bagQoS
	for _, q := range offers {
		b := bagQoS{
			History: bagKeepLast, Depth: q.KeepLast(), Reliability: bagReliable, Durability: bagVolatile,
			Deadline: bagInfinite, Lifespan: bagInfinite, Liveliness: bagAutomatic, Lease: bagInfinite,
		}
		if q.Reliability == rcl.BestEffort {
			b.Reliability = bagBestEffort
		}
		if q.Durability == rcl.TransientLocal {
			b.Durability = bagTransientLocal
		}
		if q.Deadline > 0 {
			b.Deadline = bagSpan{int64(q.Deadline / time.Second), int64(q.Deadline % time.Second)}
		}
		all = append(all, b)
	}
	if len(all) == 0 {
		return ""
	}
	text, err := yaml.Marshal(all)
	if err != nil { // plain numbers always marshal
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

// ParseQoS is the quality a player offers for what OfferedQoS, or rosbag2,
// wrote: the first publisher's, with its durability and reliability; reliable
// and volatile when nothing is known.
func ParseQoS(text string) rcl.QoS {
	var all []bagQoS
	if err := yaml.Unmarshal([]byte(text), &all); err != nil || len(all) == 0 {
		return rcl.Default
	}
	q := rcl.QoS{Depth: all[0].Depth}
	if all[0].Reliability == bagBestEffort {
		q.Reliability = rcl.BestEffort
	}
	if all[0].Durability == bagTransientLocal {
		q.Durability = rcl.TransientLocal
	}
	return q
}
