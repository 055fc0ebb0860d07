// Package eval is how policies are measured: what an episode's line holds, and
// the benchmarks' metrics over many of them. It runs nothing: cobot_vla eval does,
// through the whole node graph.
//
// Three rules (CALVIN, LIBERO and RoboTwin 2.0):
//
//   - Single tasks: an attempt succeeds when the task's predicate holds at any time
//     before its limit of steps. Settings are seen, as the demonstrations were
//     recorded, and dr, under domain randomisation with looks and words that no
//     demonstration had. Mobile tasks are single tasks that drive first.
//   - Chains: five tasks, one instruction after the other in one scene that is not put
//     back; the first failure ends the chain. Success at k is the part of the chains
//     with at least k done; Avg. Len. is the mean number done.
//   - Suites: the mean of several tasks' success rates, each task counting alike.
//
// Every rate has a Wilson interval of 95 %: with 100 attempts it is up to 19
// points wide.
package eval
