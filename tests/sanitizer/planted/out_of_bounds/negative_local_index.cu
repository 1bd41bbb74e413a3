// An insertion sort in a local array looks at the element before the first.
//: kernel sort
//: launch grid=1 block=32
//: array x int32 256 7,3,9,1,5,2,8,4
//: array y int32 256 empty
//: scalar n int32 8
//: fault out_of_bounds
extern "C" __global__ void sort(const int *x, int *y, int n) {
  int own[8];
#pragma unroll 1
  for (int k = 0; k < n; ++k) {
    int value = x[threadIdx.x * 8 + k], at = k;
#ifdef FIXED
    while (at > 0 && own[at - 1] > value) {
#else
    while (own[at - 1] > value) {  // <- bug
#endif
      own[at] = own[at - 1];
      --at;
    }
    own[at] = value;
  }
#pragma unroll 1
  for (int k = 0; k < n; ++k) y[threadIdx.x * 8 + k] = own[k];
}
