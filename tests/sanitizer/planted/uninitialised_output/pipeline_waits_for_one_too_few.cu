// A pipeline of two stages leaves its newest group in flight in the last turn as well.
//: kernel pipeline
//: launch grid=1 block=32
//: array x float32 128 range
//: array y float32 128 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void pipeline(const float *x, float *y) {
  __shared__ float tile[4][32];
  int t = threadIdx.x;
  for (int k = 0; k < 4; ++k) {
    unsigned to = (unsigned)__cvta_generic_to_shared(&tile[k][t]);
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(x + k * 32 + t));
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  asm volatile("cp.async.wait_group 1;" ::: "memory");
  for (int k = 0; k < 3; ++k) y[k * 32 + t] = tile[k][t];
#ifdef FIXED
  asm volatile("cp.async.wait_group 0;" ::: "memory");
#endif
  y[96 + t] = tile[3][t];  // <- bug
}
