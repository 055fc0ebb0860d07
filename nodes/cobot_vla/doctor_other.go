//go:build !linux

package main

func examineRealTime() []finding { return nil }
