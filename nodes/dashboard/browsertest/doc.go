//go:build !browser

// Package browsertest opens pages in a headless Chromium (-tags browser).
package browsertest
