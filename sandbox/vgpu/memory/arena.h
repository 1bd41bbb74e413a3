// Device memory: one reservation of address space, allocations with guard bands, and (for tracking) one bit for each
// byte that says whether it was written.
//
// Pages cost nothing until they are touched. An address of the device is kGlobalBase plus an offset into the
// reservation, whatever the host chose, so addresses are the same on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../exec/run.h"

namespace vgpu {

// Zeroed memory from the operating system, given back with the object: address space for `bytes`, of which only what is
// open can be used, and counts against a limit on the process's data. Throws std::bad_alloc.
class Pages {
 public:
  enum class Start { open, closed };
  explicit Pages(uint64_t bytes, Start start = Start::open);
  ~Pages();
  void open(uint64_t bytes);        // the first `bytes`, for reading and writing
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;
  char *data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

 private:
  char *data_;
  uint64_t bytes_, opened_ = 0;
  bool large_;                      // wants large pages of the host
};

struct Allocation { std::string name; Extent extent; };

class Arena {
 public:
  // `limit` bytes may be allocated with allocate(), beyond `overhead` bytes at fixed addresses.
  Arena(uint64_t overhead, uint64_t limit);

  // `address` is kGlobalBase + offset, at or behind every earlier allocation. Throws std::bad_alloc beyond the
  // reservation.
  void allocate_at(const std::string &name, uint64_t address, uint64_t bytes, bool writable);
  uint64_t allocate(const std::string &name, uint64_t bytes, uint32_t skew);

  char *host(uint64_t address) const { return bias() + address; }
  char *bias() const { return pages_.data() - kGlobalBase; }
  uint8_t *known_bias() const { return reinterpret_cast<uint8_t *>(known_.data()) - kGlobalBase / 8; }
  void mark(uint64_t address, uint64_t bytes, bool known);
  int64_t first_unknown(uint64_t address, uint64_t bytes) const;
  void mark_everything_known();

  // The allocation that holds [address, address + bytes), or null.
  const Allocation *find(uint64_t address, uint64_t bytes) const;
  // The allocation whose end or start is nearest, or null if there is none.
  const Allocation *nearest(uint64_t address) const;
  uint64_t bytes() const { return end_ - kGlobalBase; }     // from kGlobalBase to the end of the last allocation
  uint64_t reserved() const { return pages_.bytes(); }      // the most that bytes() can become
  const std::vector<Extent> &extents() const { return extents_; }

 private:
  Pages pages_, known_;
  std::vector<Allocation> allocations_;     // by address
  std::vector<Extent> extents_;             // the same, for the interpreter
  uint64_t end_ = kGlobalBase, left_;
};

}  // namespace vgpu
