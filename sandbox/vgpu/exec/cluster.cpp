// Addresses in the shared memory of a cluster. Every block is a cluster of its own, so that a shared::cluster address
// is a shared::cta address.
// https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-mapa
#include "lanes.h"
#include "table.h"

namespace vgpu {
namespace {

template <class T>
const Op *mapa(Warp &w, const Op *op) {
  const u32 *rank = lanes_at<u32>(w, op->b);
  const u32 others = w.mask & lanes_where([&](u32 i) { return rank[i] != 0; });
  if (others) return stop_at(w, op, FaultKind::trap, first_lane(others), "the cluster has one block only: rank 0");
  return map1<T, T>(w, op, [](T address) { return address; });
}

const Op *getctarank(Warp &w, const Op *op) {
  write_lanes<u32>(w, op->d, [](u32) { return 0; });
  return op + 1;
}

}  // namespace

void add_cluster(HandlerTable &table) {
  set_all(table, form_mapa_b32, mapa<u32>);
  set_all(table, form_mapa_b64, mapa<u64>);
  set_all(table, form_getctarank_b32, getctarank);
  set_all(table, form_getctarank_b64, getctarank);
}

}  // namespace vgpu
