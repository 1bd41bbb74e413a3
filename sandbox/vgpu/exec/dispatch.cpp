#include "executor.h"

#include "builds.h"

namespace vgpu {

namespace {

const Executor &executor(const void *build) { return *static_cast<const Executor *>(build); }

#if defined(VGPU_X86_BUILDS) && !defined(VGPU_LEVEL_base)
bool runs_v3() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
#endif
#if defined(VGPU_X86_BUILDS) && defined(VGPU_LEVEL_best)
bool runs_v4() {
  return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

}  // namespace

const Executor &best_executor() {
#if defined(VGPU_X86_BUILDS) && defined(VGPU_LEVEL_best)
  if (runs_v4()) return executor(vgpu_executor_v4());
#endif
#if defined(VGPU_X86_BUILDS) && !defined(VGPU_LEVEL_base)
  if (runs_v3()) return executor(vgpu_executor_v3());
#endif
  return executor(vgpu_executor_base());
}

}  // namespace vgpu
