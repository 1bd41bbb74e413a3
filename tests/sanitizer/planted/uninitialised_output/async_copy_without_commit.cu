// The copies are never committed, so that waiting for all groups waits for nothing.
//: kernel stage
//: launch grid=1 block=32
//: array x float32 32 range
//: array y float32 32 empty
//: fault uninitialised_output y
//: remark uninitialised_value
extern "C" __global__ void stage(const float *x, float *y) {
  __shared__ float tile[32];
  int t = threadIdx.x;
  unsigned to = (unsigned)__cvta_generic_to_shared(tile + t);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(x + t));
#ifdef FIXED
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
  asm volatile("cp.async.wait_group 0;" ::: "memory");
  y[t] = tile[t];  // <- bug
}
