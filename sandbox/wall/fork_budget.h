// A limit on how many processes and threads a jailed command may start, over its whole life.
//
// RLIMIT_NPROC is not enforced for root and counts a whole user, so a supervisor outside the jail answers each fork
// and clone by seccomp's user notification (Linux 5.5). https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace wall {

// A socket pair over which the jailed side hands the listener to its supervisor.
struct ListenerChannel {
  int supervisor, jailed;
};
ListenerChannel open_listener_channel();
void send_listener(const ListenerChannel &, int listener);

// Lets `budget` forks through and refuses the others with EAGAIN, until `child`, the jailed program, has ended. What it
// leaves behind can start nothing any more: a fork without a supervisor fails.
void supervise_forks(const ListenerChannel &, pid_t child, uint64_t budget);

}  // namespace wall
