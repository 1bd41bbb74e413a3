// The few functions of NVRTC that we call, loaded from the library file of its wheel.
// Source of the prototypes: https://docs.nvidia.com/cuda/nvrtc/#user-interface
#pragma once

#include <cstddef>
#include <string>

namespace wall {

struct NvrtcApi {
  using Program = void *;
  using Result = int;
  static constexpr Result kSuccess = 0, kOutOfMemory = 1, kCompilationError = 6;

  Result (*version)(int *major, int *minor);
  Result (*create)(Program *, const char *source, const char *name, int headers, const char *const *texts,
                   const char *const *names);
  Result (*destroy)(Program *);
  Result (*add_name)(Program, const char *expression);
  Result (*compile)(Program, int count, const char *const *options);
  Result (*log_size)(Program, size_t *);
  Result (*log)(Program, char *);
  Result (*ptx_size)(Program, size_t *);
  Result (*ptx)(Program, char *);
  Result (*cubin_size)(Program, size_t *);
  Result (*cubin)(Program, char *);
  Result (*lowered_name)(Program, const char *expression, const char **name);
  const char *(*error_text)(Result);

  // Throws std::runtime_error naming the file, or the function that it lacks.
  static NvrtcApi load(const std::string &library);
};

}  // namespace wall
