#include "lock_child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "call_rules.h"
#include "resource_limits.h"

extern "C" int kernelevo_lock_child(uint64_t data_bytes, uint64_t cpu_seconds) {
  try {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    wall::close_files_except(STDERR_FILENO);
    wall::Limits limits;
    limits.data_bytes = data_bytes;
    limits.cpu_seconds = cpu_seconds;
    limits.open_files = 64;
    limits.stack_bytes = wall::kCompilerStackBytes;
    wall::set_limits(limits);
    wall::restrict_script_child();
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "kernelevo: a child cannot be locked in: %s\n", error.what());
    return 1;
  }
}
