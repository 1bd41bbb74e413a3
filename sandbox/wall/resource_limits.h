// Resource limits, privileges and file descriptors: what every process behind the wall gives up first.
#pragma once

#include <cstdint>
#include <vector>

namespace wall {

// A compiler's recursion on deeply nested text needs more than the usual 8 MiB.
constexpr uint64_t kCompilerStackBytes = uint64_t(64) << 20;

// What a process behind the wall may use. Zero means that the wall sets no limit of its own.
struct Limits {
  uint64_t data_bytes = 0;     // private writable memory (RLIMIT_DATA)
  uint64_t address_bytes = 0;  // address space, shared memory included (RLIMIT_AS)
  uint64_t cpu_seconds = 0;
  uint64_t file_bytes = 0;  // size of any one file it writes; zero really is zero here
  uint64_t processes = 0;   // of this user (RLIMIT_NPROC; the kernel exempts root)
  uint64_t open_files = 256;
  uint64_t stack_bytes = uint64_t(8) << 20;
};

// Sets the limits, and no core files. Throws std::system_error.
void set_limits(const Limits &);

// Gives up every capability for good, and the ways to gain any (no_new_privs, bounding set).
void drop_privileges();

// Closes every file descriptor above standard error except `kept`.
void close_files_except(int kept);

}  // namespace wall
