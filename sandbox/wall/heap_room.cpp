#include "heap_room.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdlib>

namespace wall {
namespace {

constexpr uintptr_t kLargePage = uintptr_t(2) << 20;
constexpr int kLeastMapped = 32 << 20;   // the largest threshold that glibc takes

uintptr_t heap_end() { return reinterpret_cast<uintptr_t>(sbrk(0)); }

}  // namespace

void make_heap_room() {
  // What warming up left free would be copied, page by page, in every child that writes there.
  malloc_trim(0);
  mallopt(M_MMAP_THRESHOLD, kLeastMapped);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  const uintptr_t before = heap_end();
  // volatile: a pair of calls that nobody looks at would be left out.
  void *volatile room = std::malloc(kHeapRoom - kLargePage);
  std::free(room);
  const uintptr_t start = (before + kLargePage - 1) / kLargePage * kLargePage;
  if (start < heap_end()) madvise(reinterpret_cast<void *>(start), heap_end() - start, MADV_HUGEPAGE);   // only a wish
}

}  // namespace wall
