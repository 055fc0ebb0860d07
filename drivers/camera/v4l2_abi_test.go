//go:build linux && (amd64 || arm64)

package camera

import (
	"testing"
	"unsafe"
)

// The numbers are those that a C compiler gives for linux/videodev2.h.
func TestABI(t *testing.T) {
	for name, n := range map[string][2]uintptr{
		"sizeof capability":       {unsafe.Sizeof(v4l2Capability{}), 0x68},
		"sizeof fmtdesc":          {unsafe.Sizeof(v4l2FmtDesc{}), 0x40},
		"sizeof frmsizeenum":      {unsafe.Sizeof(v4l2FrmSize{}), 0x2c},
		"sizeof frmivalenum":      {unsafe.Sizeof(v4l2FrmIval{}), 0x34},
		"sizeof format":           {unsafe.Sizeof(v4l2Format{}), 0xd0},
		"sizeof pix_format":       {unsafe.Sizeof(v4l2PixFormat{}), 0x30},
		"sizeof streamparm":       {unsafe.Sizeof(v4l2StreamParm{}), 0xcc},
		"sizeof requestbuffers":   {unsafe.Sizeof(v4l2RequestBuffers{}), 0x14},
		"sizeof buffer":           {unsafe.Sizeof(v4l2Buffer{}), 0x58},
		"capability.device_caps":  {unsafe.Offsetof(v4l2Capability{}.deviceCaps), 0x58},
		"fmtdesc.pixelformat":     {unsafe.Offsetof(v4l2FmtDesc{}.pixelFormat), 0x2c},
		"frmsizeenum.discrete":    {unsafe.Offsetof(v4l2FrmSize{}.sizes), 0xc},
		"frmivalenum.discrete":    {unsafe.Offsetof(v4l2FrmIval{}.intervals), 0x14},
		"format.fmt":              {unsafe.Offsetof(v4l2Format{}.pix), 0x8},
		"streamparm.timeperframe": {unsafe.Offsetof(v4l2StreamParm{}.timePerFrame), 0x4 + 0x8},
		"buffer.timestamp":        {unsafe.Offsetof(v4l2Buffer{}.seconds), 0x18},
		"buffer.sequence":         {unsafe.Offsetof(v4l2Buffer{}.sequence), 0x38},
		"buffer.memory":           {unsafe.Offsetof(v4l2Buffer{}.memory), 0x3c},
		"buffer.m":                {unsafe.Offsetof(v4l2Buffer{}.offset), 0x40},
		"buffer.length":           {unsafe.Offsetof(v4l2Buffer{}.length), 0x48},
		"VIDIOC_QUERYCAP":         {vidQueryCap, 0x80685600},
		"VIDIOC_ENUM_FMT":         {vidEnumFmt, 0xc0405602},
		"VIDIOC_S_FMT":            {vidSetFmt, 0xc0d05605},
		"VIDIOC_REQBUFS":          {vidReqBufs, 0xc0145608},
		"VIDIOC_QUERYBUF":         {vidQueryBuf, 0xc0585609},
		"VIDIOC_QBUF":             {vidQBuf, 0xc058560f},
		"VIDIOC_DQBUF":            {vidDQBuf, 0xc0585611},
		"VIDIOC_STREAMON":         {vidStreamOn, 0x40045612},
		"VIDIOC_STREAMOFF":        {vidStreamOff, 0x40045613},
		"VIDIOC_S_PARM":           {vidSetParm, 0xc0cc5616},
		"VIDIOC_ENUM_FRAMESIZES":  {vidFrameSizes, 0xc02c564a},
		"VIDIOC_ENUM_FRAMEIVALS":  {vidFrameIvals, 0xc034564b},
		"MJPG":                    {uintptr(fourcc("MJPG")), 0x47504a4d},
		"JPEG":                    {uintptr(fourcc("JPEG")), 0x4745504a},
		"YUYV":                    {uintptr(fourcc("YUYV")), 0x56595559},
		"UYVY":                    {uintptr(fourcc("UYVY")), 0x59565955},
		"RGB3":                    {uintptr(fourcc("RGB3")), 0x33424752},
		"BGR3":                    {uintptr(fourcc("BGR3")), 0x33524742},
		"GREY":                    {uintptr(fourcc("GREY")), 0x59455247},
	} {
		if n[0] != n[1] {
			t.Errorf("%s is %#x, the header's is %#x", name, n[0], n[1])
		}
	}
}
