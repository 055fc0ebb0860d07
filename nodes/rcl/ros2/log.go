//go:build ros2

package ros2

/*
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"unsafe"

	"github.com/rs/zerolog"
	"github.com/tiiuae/rclgo/pkg/rclgo"
)

// logTo sends what rcl and the middleware log to our log. It is one for the
// process, as theirs is.
func logTo(log zerolog.Logger) {
	rclgo.SetLoggingOutputHandler(func(_ unsafe.Pointer, severity int, name unsafe.Pointer, _ int64, format, args unsafe.Pointer) {
		text := C.ros2_format((*C.char)(format), args)
		if text == nil {
			return
		}
		defer C.free(unsafe.Pointer(text))
		e := log.WithLevel(levelOf(severity))
		if name != nil {
			e = e.Str("logger", C.GoString((*C.char)(name)))
		}
		e.Msg(C.GoString(text))
	})
}

// levelOf is rcutils' severity; its debug messages are about itself, not the robot.
func levelOf(severity int) zerolog.Level {
	switch {
	case severity >= int(rclgo.LogSeverityFatal):
		return zerolog.FatalLevel
	case severity >= int(rclgo.LogSeverityError):
		return zerolog.ErrorLevel
	case severity >= int(rclgo.LogSeverityWarn):
		return zerolog.WarnLevel
	case severity >= int(rclgo.LogSeverityInfo):
		return zerolog.DebugLevel
	}
	return zerolog.TraceLevel
}
