// Stream compaction: coalesced groups append with one atomic a group; and an order-keeping one by block scans.
#include <cooperative_groups.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;

extern "C" __global__ void compact_groups(const int *x, int *out, int *count, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && x[i] > 0) {
    auto group = cg::coalesced_threads();
    int base = 0;
    if (group.thread_rank() == 0) base = atomicAdd(count, (int)group.size());
    out[group.shfl(base, 0) + group.thread_rank()] = x[i];
  }
}

extern "C" __global__ void compact_ordered(const int *x, int *out, int *count, int n) {
  __shared__ int warp_total[32];
  auto block = cg::this_thread_block();
  auto tile = cg::tiled_partition<16>(block);
  int written = 0;
  for (int base = 0; base < n; base += block.size()) {
    const int i = base + block.thread_rank();
    const int keep = i < n && x[i] > 0;
    const int rank = cg::exclusive_scan(tile, keep);
    if (tile.thread_rank() == tile.size() - 1) warp_total[tile.meta_group_rank()] = rank + keep;
    block.sync();
    int before = 0, total = 0;
    for (int w = 0; w < (int)tile.meta_group_size(); w++) {
      before += w < (int)tile.meta_group_rank() ? warp_total[w] : 0;
      total += warp_total[w];
    }
    if (keep) out[written + before + rank] = x[i];
    written += total;
    block.sync();
  }
  if (block.thread_rank() == 0) *count = written;
}
