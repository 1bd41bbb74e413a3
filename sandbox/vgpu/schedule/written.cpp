#include "written.h"

#include <cstring>

namespace vgpu {

// Allocations that the kernel may write: those that its parameters point to, as far as they reach a store. A store
// whose parameters are all numbers but zero may write any, because the rest of its address is no parameter; zero is
// taken for a null pointer, which is not stored to.
std::vector<bool> find_written(const Program &program, const Launch &launch, const std::vector<Extent> &extents) {
  const Stores &stores = program.stores;
  std::vector<uint64_t> pointing(extents.size(), 0);       // to each allocation, of the parameters
  uint64_t pointers = 0;
  for (size_t param = 0; param < stores.params.size(); ++param) {
    uint64_t address;
    std::memcpy(&address, launch.params.data() + stores.params[param], sizeof address);
    const uint64_t bit = uint64_t(1) << (param % 64);
    if (address == 0) pointers |= bit;
    for (size_t i = 0; i < extents.size(); ++i) {
      if (address >= extents[i].low && address < extents[i].high) pointing[i] |= bit, pointers |= bit;
    }
  }
  uint64_t stored = 0;
  bool anywhere = false;
  for (const uint64_t origins : stores.origins) {
    stored |= origins;
    anywhere |= (origins & pointers) == 0;
  }
  std::vector<bool> written(extents.size());
  for (size_t i = 0; i < extents.size(); ++i) written[i] = anywhere || (pointing[i] & stored) != 0;
  return written;
}

}  // namespace vgpu
