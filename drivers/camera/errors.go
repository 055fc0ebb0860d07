package camera

import "errors"

var (
	// ErrImage: the bytes of a frame are not what its encoding and size say.
	ErrImage = errors.New("camera: bad image")
	// ErrMode: the device has no such format, size or rate; the text lists what it has.
	ErrMode = errors.New("camera: mode not offered")
	// ErrNoDevice: no device, or more than one, fits what was asked for; the text lists what there is.
	ErrNoDevice = errors.New("camera: no such device")
	// ErrSilent: the device gave no frame for its timeout.
	ErrSilent = errors.New("camera: no frame")
	// ErrUnplugged: the device is gone; open it again when it is back.
	ErrUnplugged = errors.New("camera: device is gone")
	// ErrEnd: the source has no more frames.
	ErrEnd = errors.New("camera: no more frames")
	// ErrClosed: the source was closed.
	ErrClosed = errors.New("camera: closed")
)
