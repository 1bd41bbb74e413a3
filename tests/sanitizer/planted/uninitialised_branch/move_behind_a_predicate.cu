// Whether a predicated move happens is decided by a value that nobody wrote.
//: kernel moves
//: launch grid=1 block=32
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void moves(int *y) {
  __shared__ int tile[32];
  int t = threadIdx.x, v = 1;
#ifdef FIXED
  tile[t] = t;
#endif
  asm volatile("{.reg .pred p; setp.gt.s32 p, %1, 5; @p mov.u32 %0, 7;}" : "+r"(v) : "r"(tile[t]));
  if (v == 7) atomicAdd(y + t, 1);  // <- bug
}
