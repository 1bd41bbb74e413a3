// A matrix instruction is executed by half of the warp.
//: kernel product
//: launch grid=1 block=32
//: array x uint32 32 ones
//: array y float32 128 zeros
//: fault absent_lane
extern "C" __global__ void product(const unsigned *x, float *y) {
  int t = threadIdx.x;
  float d[4] = {0, 0, 0, 0};
  unsigned a = x[t];
#ifndef FIXED
  if (t < 16)
#endif
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "  // <- bug
                 "{%0,%1,%2,%3}, {%4,%4}, {%4}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a));
  for (int k = 0; k < 4; ++k) y[4 * t + k] = d[k];
}
