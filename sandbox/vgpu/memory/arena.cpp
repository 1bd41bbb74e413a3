#include "arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "../lower/image.h"

namespace vgpu {
namespace {

constexpr uint64_t kOpenStep = 1 << 16;
constexpr uint64_t kRoomForGuards = 64 << 20;     // address space only
constexpr uint64_t kSlack = 16;   // bytes of the map of known bytes that a read of whole words may touch behind its end

}  // namespace

Pages::Pages(uint64_t bytes, Start start)
    : data_(nullptr), bytes_(std::max<uint64_t>(bytes, 4096)), large_(start == Start::closed) {
  void *made = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char *>(made);
  if (start == Start::open) open(bytes_);
}
void Pages::open(uint64_t bytes) {
  bytes = std::min((bytes + kOpenStep - 1) / kOpenStep * kOpenStep, bytes_);
  if (bytes <= opened_) return;
  if (mprotect(data_, bytes, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  if (large_) madvise(data_, bytes, MADV_HUGEPAGE);      // only a wish
  opened_ = bytes;
}
Pages::~Pages() { munmap(data_, bytes_); }

Arena::Arena(uint64_t overhead, uint64_t limit)
    : pages_(overhead + limit + kRoomForGuards, Pages::Start::closed),
      known_(pages_.bytes() / 8 + kSlack, Pages::Start::closed),
      left_(limit) {}

void Arena::allocate_at(const std::string &name, uint64_t address, uint64_t bytes, bool writable) {
  if (bytes > pages_.bytes() || address - kGlobalBase > pages_.bytes() - bytes) throw std::bad_alloc();
  pages_.open(address - kGlobalBase + bytes);
  known_.open((address - kGlobalBase + bytes) / 8 + kSlack);
  allocations_.push_back({name, {address, address + bytes, writable}});
  extents_.push_back(allocations_.back().extent);
  end_ = address + bytes;
}

uint64_t Arena::allocate(const std::string &name, uint64_t bytes, uint32_t skew) {
  if (bytes > left_) throw std::bad_alloc();
  const uint64_t address = (end_ + kGuardBand + 255) / 256 * 256 + skew;
  allocate_at(name, address, bytes, true);
  left_ -= bytes;
  return address;
}

void Arena::mark(uint64_t address, uint64_t bytes, bool known) {
  uint8_t *map = known_bias();
  const uint64_t end = address + bytes;
  for (; address < end && address % 8; ++address) {
    const uint8_t bit = uint8_t(1u << (address % 8));
    map[address / 8] = known ? map[address / 8] | bit : map[address / 8] & ~bit;
  }
  std::fill(map + address / 8, map + std::max(address, end / 8 * 8) / 8, known ? 0xff : 0);
  for (address = std::max(address, end / 8 * 8); address < end; ++address) {
    const uint8_t bit = uint8_t(1u << (address % 8));
    map[address / 8] = known ? map[address / 8] | bit : map[address / 8] & ~bit;
  }
}

int64_t Arena::first_unknown(uint64_t address, uint64_t bytes) const {
  const uint8_t *map = known_bias();
  for (uint64_t i = 0; i < bytes; ++i) {
    if (!(map[(address + i) / 8] >> ((address + i) % 8) & 1)) return int64_t(i);
  }
  return -1;
}

void Arena::mark_everything_known() {
  for (const Extent &each : extents_) mark(each.low, each.high - each.low, true);
}

const Allocation *Arena::find(uint64_t address, uint64_t bytes) const {
  for (const Allocation &each : allocations_) {
    const bool starts_inside = address >= each.extent.low && address <= each.extent.high;
    if (starts_inside && bytes <= each.extent.high - address) return &each;
  }
  return nullptr;
}

const Allocation *Arena::nearest(uint64_t address) const {
  const Allocation *best = nullptr;
  uint64_t least = ~uint64_t(0);
  for (const Allocation &each : allocations_) {
    const uint64_t distance = address < each.extent.low ? each.extent.low - address
                              : address >= each.extent.high ? address - each.extent.high + 1 : 0;
    if (distance >= least) continue;
    best = &each;
    least = distance;
  }
  return best;
}

}  // namespace vgpu
