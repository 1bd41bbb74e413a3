// Handlers of isa/floating.def: f32 and f64.
#include "approx.h"
#include "compare.h"
#include "table.h"

namespace vgpu {
namespace {

enum : uint8_t { kFinite, kInfinite, kNumber, kNotANumber, kNormal, kSubnormal };

template <class T>
bool has_property(T x, uint8_t property) {
  const T least_normal = sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022);
  const T size = x < 0 ? -x : x;
  const bool finite = x - x == 0, number = x == x;
  switch (property) {
    case kFinite: return finite;
    case kInfinite: return number && !finite;
    case kNumber: return number;
    case kNotANumber: return !number;
    case kNormal: return finite && (size >= least_normal || size == 0);       // zeros are normal, the manual says
    default: return finite && size < least_normal && size != 0;
  }
}
template <class T>
const Op *testp(Warp &w, const Op *op) {
  const T *a = lanes_at<T>(w, op->a);
  write_predicate(w, op->d, lanes_where([&](u32 i) { return has_property(a[i], op->kind); }));
  return op + 1;
}
const Op *testp_f32(Warp &w, const Op *op) { return testp<f32>(w, op); }
const Op *testp_f64(Warp &w, const Op *op) { return testp<f64>(w, op); }
const Op *setp_f32(Warp &w, const Op *op) { return setp<f32>(w, op); }
const Op *setp_f64(Warp &w, const Op *op) { return setp<f64>(w, op); }

#define LANES1 DEFINE_LANES1
#define LANES2 DEFINE_LANES2
#define LANES3 DEFINE_LANES3
#define PLAIN NO_ROW
#include "../isa/floating.def"
#undef LANES1
#undef LANES2
#undef LANES3
#undef PLAIN
}  // namespace

void add_floating(HandlerTable &table) {
#define LANES1 TABLE_ROW
#define LANES2 TABLE_ROW
#define LANES3 TABLE_ROW
#define PLAIN TABLE_ROW
#include "../isa/floating.def"
}

}  // namespace vgpu
