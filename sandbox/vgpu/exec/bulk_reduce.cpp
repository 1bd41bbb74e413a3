// cp.reduce.async.bulk: target = target op source, element after element in rising order.
// Section "cp.reduce.async.bulk" of https://docs.nvidia.com/cuda/parallel-thread-execution/.
#include "half.h"
#include "landing.h"

namespace vgpu {
namespace {

template <class T>
T fold_integer(BulkOperation operation, T old, T value) {
  switch (operation) {
    case BulkOperation::and_: return T(old & value);
    case BulkOperation::or_: return T(old | value);
    case BulkOperation::xor_: return T(old ^ value);
    case BulkOperation::add: return T(u64(old) + u64(value));       // wraps, signed or not
    case BulkOperation::inc: return old >= value ? T(0) : T(u64(old) + 1);
    case BulkOperation::dec: return old == 0 || old > value ? value : T(u64(old) - 1);
    case BulkOperation::min: return old < value ? old : value;
    default: return old > value ? old : value;
  }
}

template <class T>
T fold_float(BulkOperation, T old, T value) { return canon(old + value); }

template <class H>
u16 fold_half(BulkOperation operation, u16 old, u16 value) {
  const Op plain;                  // no modifiers
  if (operation == BulkOperation::add) return add_half<H>(old, value, &plain);
  return operation == BulkOperation::min ? min_half<H>(old, value, &plain) : max_half<H>(old, value, &plain);
}

template <class T, T (*fold)(BulkOperation, T, T)>
void fold_range(char *target, const char *source, const Bulk &bulk) {
  for (u32 at = 0; at < bulk.bytes; at += u32(sizeof(T))) {
    T old, value;
    std::memcpy(&old, target + at, sizeof old);
    std::memcpy(&value, source + at, sizeof value);
    old = fold(BulkOperation(bulk.operation), old, value);
    std::memcpy(target + at, &old, sizeof old);
  }
}

}  // namespace

void reduce_bulk(char *target, const char *source, const Bulk &bulk) {
  switch (BulkType(bulk.type)) {
    case BulkType::u32: return fold_range<u32, fold_integer<u32>>(target, source, bulk);
    case BulkType::s32: return fold_range<s32, fold_integer<s32>>(target, source, bulk);
    case BulkType::u64: return fold_range<u64, fold_integer<u64>>(target, source, bulk);
    case BulkType::s64: return fold_range<s64, fold_integer<s64>>(target, source, bulk);
    case BulkType::f16: return fold_range<u16, fold_half<F16>>(target, source, bulk);
    case BulkType::bf16: return fold_range<u16, fold_half<Bf16>>(target, source, bulk);
    case BulkType::f32: return fold_range<f32, fold_float<f32>>(target, source, bulk);
    case BulkType::f64: return fold_range<f64, fold_float<f64>>(target, source, bulk);
  }
}

}  // namespace vgpu
