// The words of the enumerations, as reports carry them.
#include "machine.h"

namespace vgpu {

const char *name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::out_of_bounds: return "out_of_bounds";
    case FaultKind::misaligned: return "misaligned";
    case FaultKind::uninitialised_address: return "uninitialised_address";
    case FaultKind::uninitialised_branch: return "uninitialised_branch";
    case FaultKind::write_to_constant: return "write_to_constant";
    case FaultKind::divergent_barrier: return "divergent_barrier";
    case FaultKind::absent_lane: return "absent_lane";
    case FaultKind::trap: return "trap";
    case FaultKind::stack_overflow: return "stack_overflow";
    case FaultKind::invalid_launch: return "invalid_launch";
    case FaultKind::unsupported: return "unsupported";
    case FaultKind::budget: return "budget";
    case FaultKind::race: return "race";
    case FaultKind::missing_wait: return "missing_wait";
    case FaultKind::uninitialised_value: return "uninitialised_value";
  }
  return "";
}

const char *name_of(Space space) {
  constexpr const char *names[] = {"generic", "global", "shared", "local", "constant", "param"};
  return names[static_cast<size_t>(space)];
}

const char *name_of(Class cls) {
  constexpr const char *names[] = {
      "fp32", "fp64", "fp16", "integer", "wide_integer", "conversion", "special", "move", "predicate", "control",
      "barrier", "shuffle", "vote", "global_load", "global_store", "global_atomic", "shared_load", "shared_store",
      "shared_atomic", "local_load", "local_store", "constant_load", "matrix", "async_copy", "other"};
  static_assert(sizeof names / sizeof names[0] == static_cast<size_t>(Class::count_), "one name for each class");
  return names[static_cast<size_t>(cls)];
}

}  // namespace vgpu
