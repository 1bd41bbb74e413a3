// A tile of two warps synchronises in scratch that the system reserves in shared memory; here one barrier is left out.
//: kernel pass
//: launch grid=2 block=128
//: array x float32 256 range
//: array y float32 256 empty
//: fault race
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
extern "C" __global__ void pass(const float *x, float *y) {
  __shared__ cg::block_tile_memory<128> scratch;
  __shared__ float s[128];
  auto tile = cg::tiled_partition<64>(cg::this_thread_block(scratch));
  int i = blockIdx.x * 128 + threadIdx.x;
  s[threadIdx.x] = x[i];  // <- bug
#ifdef FIXED
  tile.sync();
#endif
  float other = s[threadIdx.x ^ 32];  // <- bug
  y[i] = other + tile.shfl(x[i], 3);
}
