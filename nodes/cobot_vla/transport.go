package main

// betweenProcesses says whether this build has a transport that crosses processes.
const betweenProcesses = false
