// Frames of nested calls lie one behind the other, whatever function they belong to. When lanes wait inside a function
// and others of the warp go on outside it, the frames they wait in are kept aside until it is their turn again.
#include <array>
#include <cstring>

#include "../host_calls.h"
#include "live_block.h"

namespace vgpu {
namespace {

using Key = std::pair<const Warp *, uint32_t>;

uint32_t caller_of(const Warp &w, uint32_t activation) {
  const uint32_t parent = w.joins[activation].parent;
  return parent == kNone ? kNone : w.joins[parent].activation;
}

bool encloses(const Warp &w, uint32_t outer, uint32_t inner) {
  for (; inner != outer && inner != kNone; inner = caller_of(w, inner)) {}
  return inner == outer;
}

// What is known of the frame: Warp::known, unknown, origins.
struct Part { char *start; size_t bytes; };
std::array<Part, 3> knowledge_of(Warp &w, const Join &join) {
  return {{{reinterpret_cast<char *>(w.known) + join.frame, join.frame_bytes},
           {w.unknown + join.frame, join.frame_bytes},
           {reinterpret_cast<char *>(w.origins) + 2 * size_t(join.frame), 2 * size_t(join.frame_bytes)}}};
}

void keep(Warp &w, uint32_t activation, std::vector<char> &kept) {
  const Join &join = w.joins[activation];
  kept.assign(w.frames + join.frame, w.frames + join.frame + join.frame_bytes);
  if (!w.known) return;
  for (const Part &each : knowledge_of(w, join)) kept.insert(kept.end(), each.start, each.start + each.bytes);
}

void put_back(Warp &w, uint32_t activation, const std::vector<char> &kept) {
  const Join &join = w.joins[activation];
  std::memcpy(w.frames + join.frame, kept.data(), join.frame_bytes);
  if (!w.known) return;
  const char *from = kept.data() + join.frame_bytes;
  for (const Part &each : knowledge_of(w, join)) {
    std::memcpy(each.start, from, each.bytes);
    from += each.bytes;
  }
}

// Of the function that an activation is of.
uint32_t local_bytes_at(const Run &run, const Warp &w, uint32_t activation) {
  if (activation == kNone) return run.program->functions[0].local_bytes;
  return run.program->functions[w.joins[activation].callee].local_bytes;
}

}  // namespace

void change_activation(Run &run, Warp &w, uint32_t activation) {
  auto &kept = static_cast<HostState *>(run.host)->kept_frames;
  for (uint32_t each = w.activation; each != kNone && !encloses(w, each, activation); each = caller_of(w, each)) {
    keep(w, each, kept[Key(&w, each)]);
  }
  for (uint32_t each = activation; each != kNone; each = caller_of(w, each)) {
    const auto found = kept.find(Key(&w, each));
    if (found == kept.end()) continue;
    put_back(w, each, found->second);
    kept.erase(found);
  }
  const bool entry = activation == kNone;
  w.activation = activation;
  w.frame = w.frames + (entry ? 0 : w.joins[activation].frame);
  w.local_base = entry ? 0 : w.joins[activation].local_base;
  w.local_end = w.local_base + local_bytes_at(run, w, activation);
  w.depth = entry ? 0 : w.joins[activation].depth;
}

}  // namespace vgpu
