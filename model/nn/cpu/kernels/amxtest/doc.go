// Package amxtest runs tests of AMX code on processors without AMX: it starts
// the test binary again under ptrace, and executes each tile instruction that
// the processor refuses as the manual defines it (Intel SDM volume 2, "Intel
// AMX Instruction Set Reference"). What is tested is the machine code itself.
package amxtest
