// Package supervisor is the node that says who may move, and whether anything
// may move. Drivers execute only the source and the parts it names on
// /supervisor/authority, twenty times a second, and hold when it falls silent.
//
// A source (policy, teleop, replay, external) asks for parts by the service
// /supervisor/acquire. Handing over takes the old parts away first, waits until
// their drivers report that they stopped, and only then grants the new ones. An
// e-stop, which any message true on /estop engages, takes everything away and
// stays until /supervisor/release_estop, which is refused while a cause persists;
// motion then needs to be acquired again.
package supervisor
