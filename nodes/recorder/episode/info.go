package episode

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Info is what is known of an episode when it begins.
type Info struct {
	// Name of the episode, e.g. episode_000012; Create gives the next number to one without.
	Name string
	// Task is what the robot is to do, in words.
	Task string
	// Operator who led, and a note of theirs.
	Operator, Note string
	// Robot is its name in the calibration.
	Robot string
	// Reference is the topic that streams are compared with for their skew: the front camera's.
	Reference string
	// Started is when the recording began, by the node's clock.
	Started time.Time
	// Firmware of the parts of the robot, by part.
	Firmware map[string]string
	// Calibration is the robot's whole calibration file.
	Calibration []byte
	// Parameters of all nodes, as a ROS 2 parameter file.
	Parameters []byte
}

// Verdict is what people say of an episode.
type Verdict string

// Verdicts. An episode that was interrupted has none until somebody looks at it.
const (
	Unjudged Verdict = ""
	Keep     Verdict = "keep"
	Discard  Verdict = "discard"
)

// ParseVerdict reads keep or discard.
func ParseVerdict(s string) (Verdict, error) {
	switch v := Verdict(s); v {
	case Keep, Discard:
		return v, nil
	}
	return Unjudged, fmt.Errorf("%w %q: it is keep or discard", ErrVerdict, s)
}

// String is the verdict in words.
func (v Verdict) String() string {
	if v == Unjudged {
		return "unjudged"
	}
	return string(v)
}

// Result is how an episode ended.
type Result struct {
	Verdict Verdict
	// Remark of the operator, made when it ended or later.
	Remark string
	// Ended is when the recording stopped, by the node's clock.
	Ended time.Time
	// Reason it ended: "stopped", or what went wrong.
	Reason string
}

// Interrupted is the Reason of an episode that Repair finished.
const Interrupted = "interrupted"

// Names of what a file holds besides messages.
const (
	infoRecord      = "cobot_vla/episode"
	resultRecord    = "cobot_vla/result"
	calibrationFile = "calibration.yaml"
	parametersFile  = "parameters.yaml"
	formatVersion   = "1"
	firmwarePrefix  = "firmware."
)

// Marks and status are topics of the recorder's own.
const (
	// MarkTopic carries std_msgs/String: the operator's marks.
	MarkTopic = "/recorder/mark"
	// StatusTopic carries cobot_vla/RecorderStatus.
	StatusTopic = "/recorder/status"
)

// ConfigHash tells apart what the episodes of two configurations were recorded
// with: SHA-256 over the calibration and all nodes' parameters.
func (i Info) ConfigHash() string {
	h := sha256.New()
	h.Write(i.Calibration)
	h.Write([]byte{0})
	h.Write(i.Parameters)
	return hex.EncodeToString(h.Sum(nil))
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (i Info) metadata() map[string]string {
	m := map[string]string{
		"format": formatVersion, "name": i.Name, "task": i.Task, "operator": i.Operator, "note": i.Note,
		"robot": i.Robot, "reference": i.Reference, "started": timeText(i.Started),
		"calibration_sha256": hash(i.Calibration), "config_sha256": i.ConfigHash(),
	}
	for part, version := range i.Firmware {
		m[firmwarePrefix+part] = version
	}
	return m
}

func (i *Info) parse(m map[string]string) (err error) {
	if m["format"] != formatVersion {
		return fmt.Errorf("%w: format %q; this program reads %s", ErrNotEpisode, m["format"], formatVersion)
	}
	i.Name, i.Task, i.Operator, i.Note = m["name"], m["task"], m["operator"], m["note"]
	i.Robot, i.Reference = m["robot"], m["reference"]
	i.Firmware = map[string]string{}
	for key, v := range m {
		if part, ok := strings.CutPrefix(key, firmwarePrefix); ok {
			i.Firmware[part] = v
		}
	}
	i.Started, err = parseTime(m["started"])
	return err
}

func (r Result) metadata() map[string]string {
	return map[string]string{"verdict": r.Verdict.String(), "remark": r.Remark, "ended": timeText(r.Ended), "reason": r.Reason}
}

func (r *Result) parse(m map[string]string) (err error) {
	r.Verdict, r.Remark, r.Reason = Unjudged, m["remark"], m["reason"]
	if v := m["verdict"]; v != Unjudged.String() {
		if r.Verdict, err = ParseVerdict(v); err != nil {
			return err
		}
	}
	r.Ended, err = parseTime(m["ended"])
	return err
}

// timeText is a time in UTC, to the nanosecond.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("time %q: %w", s, err)
	}
	return t.Local(), nil
}
