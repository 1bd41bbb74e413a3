// Lanes with equal keys are counted with those beyond the tail; the fixed text leaves these out of what it found.
//: kernel peers
//: launch grid=1 block=32
//: array y int32 32 zeros
//: fault uninitialised_branch
extern "C" __global__ void peers(int *y) {
  __shared__ int key[32];
  int t = threadIdx.x;
  if (t < 16) key[t] = t & 3;
  __syncwarp();
  unsigned same = __match_any_sync(~0u, key[t]);
#ifdef FIXED
  same &= 0xffff;
#endif
  if (t < 16 && __popc(same) > 3) atomicAdd(y + t, 1);  // <- bug
}
