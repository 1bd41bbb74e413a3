// Isolation by namespaces: user, network, processes, IPC, mounts and host name; and a root folder that holds only
// what is granted. https://man7.org/linux/man-pages/man7/namespaces.7.html
//
// Works as root and as an ordinary user where user namespaces are allowed; containers and some distributions forbid
// them.
#pragma once

#include <sys/types.h>

#include "landlock.h"

namespace wall {

// Enters new namespaces; false (and nothing changed) where the machine forbids them.
bool enter_namespaces();

// Waits for `child` and ends as it ended. After enter_namespaces() the first child is the first process of the new
// process namespace, and everything in there ends with it.
[[noreturn]] void end_like(pid_t child);

// Replaces the root by an empty in-memory file system with the granted paths bound at their own names (readable ones
// without writing). Throws std::system_error.
void show_only(const Grants &);

}  // namespace wall
