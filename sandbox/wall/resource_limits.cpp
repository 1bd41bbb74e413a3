#include "resource_limits.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <system_error>

namespace wall {
namespace {

constexpr int kCloseRange = 436;

[[noreturn]] void fail(const char *what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Lowers the limit: a caller whose own limit is lower already keeps that one.
void limit(int resource, uint64_t value) {
  rlimit current{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &current) != 0) fail("reading a limit");
  const rlim_t lowered = current.rlim_max < value ? current.rlim_max : value;
  const rlimit wanted{lowered, lowered};
  if (setrlimit(static_cast<__rlimit_resource>(resource), &wanted) != 0) fail("setting a limit");
}

void close_range_or_each(unsigned first, unsigned last) {
  if (first > last || syscall(kCloseRange, first, last, 0) == 0) return;
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) fail("reading the limit of open files");
  const unsigned end = files.rlim_max < last ? static_cast<unsigned>(files.rlim_max) : last;
  for (unsigned file = first; file <= end; ++file) close(static_cast<int>(file));
}

}  // namespace

void set_limits(const Limits &limits) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_STACK, limits.stack_bytes);
  limit(RLIMIT_FSIZE, limits.file_bytes);
  limit(RLIMIT_NOFILE, limits.open_files);
  limit(RLIMIT_MEMLOCK, 0);
  limit(RLIMIT_MSGQUEUE, 0);
  if (limits.data_bytes != 0) limit(RLIMIT_DATA, limits.data_bytes);
  if (limits.address_bytes != 0) limit(RLIMIT_AS, limits.address_bytes);
  if (limits.cpu_seconds != 0) limit(RLIMIT_CPU, limits.cpu_seconds);
  if (limits.processes != 0) limit(RLIMIT_NPROC, limits.processes);
}

void drop_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("giving up new privileges");
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM) fail("dropping a capability");
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) fail("giving up all capabilities");
}

void close_files_except(int kept) {
  const unsigned first = STDERR_FILENO + 1;
  if (kept < static_cast<int>(first)) return close_range_or_each(first, UINT_MAX);
  close_range_or_each(first, static_cast<unsigned>(kept) - 1);
  close_range_or_each(static_cast<unsigned>(kept) + 1, UINT_MAX);
}

}  // namespace wall
