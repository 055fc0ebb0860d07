package msgs

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStamp(t *testing.T) {
	tests := []struct {
		name string
		in   time.Time
		want Time
	}{
		{"nanoseconds", time.Unix(1700000000, 123456789), Time{1700000000, 123456789}},
		{"another zone", time.Unix(5, 6).In(time.FixedZone("", 3600)), Time{5, 6}},
		{"never", time.Time{}, Time{}},
		{"before 1970", time.Unix(-1, 999_999_999), Time{}},
		{"last", time.Unix(math.MaxInt32, 999_999_999), Time{math.MaxInt32, 999_999_999}},
		{"after the last", time.Unix(math.MaxInt32+1, 0), Time{}},
	}
	for _, tc := range tests {
		if got := Stamp(tc.in); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if !Stamp(time.Time{}).IsZero() || Stamp(time.Unix(0, 1)).IsZero() {
		t.Error("IsZero is not whether the stamp was never set")
	}
	rapid.Check(t, func(t *rapid.T) {
		in := time.Unix(rapid.Int64Range(0, math.MaxInt32).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		if got := Stamp(in).Go(); !got.Equal(in) {
			t.Fatalf("%v came back as %v", in, got)
		}
	})
}

func TestSpan(t *testing.T) {
	tests := []struct {
		in   time.Duration
		want Duration
	}{
		{0, Duration{}},
		{1500 * time.Millisecond, Duration{1, 500_000_000}},
		{-time.Nanosecond, Duration{-1, 999_999_999}},
		{-1500 * time.Millisecond, Duration{-2, 500_000_000}},
		{-2 * time.Second, Duration{-2, 0}},
		{math.MaxInt64, Duration{math.MaxInt32, 999_999_999}},
		{math.MinInt64, Duration{math.MinInt32, 0}},
	}
	for _, tc := range tests {
		if got := Span(tc.in); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.in, got, tc.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := time.Duration(rapid.Int64Range(math.MinInt32*int64(time.Second), (math.MaxInt32+1)*int64(time.Second)-1).Draw(t, "d"))
		if got := Span(in).Go(); got != in {
			t.Fatalf("%v came back as %v", in, got)
		}
	})
}
