package launch

import (
	"errors"
	"fmt"
)

var (
	// ErrSyntax: the file is not a launch file, or says something the reader does not know.
	ErrSyntax = errors.New("syntax")
	// ErrUnsupported: Humble knows it, this reader on purpose does not; the text says what to write instead.
	ErrUnsupported = errors.New("not supported")
	// ErrArgument: a launch argument is missing, unknown or not one of its choices.
	ErrArgument = errors.New("launch argument")
	// ErrSubstitution: a substitution has no value: an unset variable, a package that is not installed.
	ErrSubstitution = errors.New("substitution")
	// ErrParameter: a parameter's value or file does not fit.
	ErrParameter = errors.New("parameter")
)

// Position is a line of a launch file.
type Position struct {
	File string
	Line int
}

// String is file:line.
func (p Position) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Error is a mistake at a line of a launch file.
type Error struct {
	Where Position
	Err   error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Where, e.Err) }

// Unwrap gives the sentinel error.
func (e *Error) Unwrap() error { return e.Err }

func (p Position) errorf(format string, args ...any) error {
	return &Error{Where: p, Err: fmt.Errorf(format, args...)}
}

// at adds the position to an error that has none.
func (p Position) at(err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &Error{Where: p, Err: err}
}
