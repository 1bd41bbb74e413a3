#include "executor.h"

#include "builds.h"

namespace vgpu {

const Executor &best_executor() {
#if defined(VGPU_X86_BUILDS)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (v4) return *static_cast<const Executor *>(vgpu_executor_v4());
  if (v3) return *static_cast<const Executor *>(vgpu_executor_v3());
#endif
  return *static_cast<const Executor *>(vgpu_executor_base());
}

}  // namespace vgpu
