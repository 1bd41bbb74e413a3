// Which system calls are open on each side of the wall.
#pragma once

namespace wall {

// For everything inside the jail: no network, no tracing, no new namespaces or mounts, no keys, no kernel modules.
// The zygote must be able to kill its children, so `signals` says who may be signalled; its children may signal
// themselves only.
enum class Signals { own_process, children_too };
void restrict_jail(Signals);

// The same for a program that drives a card: see restrict_driver_jail.
void restrict_driver_alone();

// As restrict_jail(own_process); new processes and threads are handed to a supervisor, whose listener is returned.
int restrict_supervised_jail();

// As restrict_supervised_jail(), for a program that drives a card: CUDA's library makes Unix sockets of its own and
// listens on them (to share memory between processes), so these are open; connecting and datagrams, which could reach
// somebody outside, are not.
int restrict_driver_jail();

// For the child that compiles: computing, memory, and reading files (the jail decides which).
void restrict_compile_child();

// For the child in which a candidate's own script runs: as the one that compiles, and it may not kill itself with
// SIGKILL, which is to mean that somebody else did.
void restrict_script_child();

// For the child that runs kernels: computing and memory.
void restrict_run_child();

}  // namespace wall
