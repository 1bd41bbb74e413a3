// The entry points of libFuzzer (https://llvm.org/docs/LibFuzzer.html): clang's coverage guides the changes.
// Built twice: fuzz_load, and fuzz_launch with VGPU_FUZZ_LAUNCHES.
#include <algorithm>
#include <cstring>

#include "target.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view input(reinterpret_cast<const char *>(data), size);
#ifdef VGPU_FUZZ_LAUNCHES
  vgpu_fuzz::try_launching(input);
#else
  vgpu_fuzz::try_loading(input);
#endif
  return 0;
}

// Half of the changes are libFuzzer's own (bytes, the dictionary, pieces of other inputs), half are of whole lines.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  if (seed % 2) return LLVMFuzzerMutate(data, size, most);
  const std::string changed =
      vgpu_fuzz::change_lines({reinterpret_cast<const char *>(data), size}, most, seed);
  std::memcpy(data, changed.data(), changed.size());
  return changed.size();
}
