// A thread takes room for eight ints from the device heap and uses sixteen.
//: kernel scratch
//: launch grid=1 block=32
//: array x int32 32 range
//: array y int32 32 empty
//: fault out_of_bounds
extern "C" __global__ void scratch(const int *x, int *y) {
#ifdef FIXED
  volatile int *room = static_cast<int *>(malloc(64));
#else
  volatile int *room = static_cast<int *>(malloc(32));
#endif
  int i = x[threadIdx.x] & 15;
  room[i] = i;  // <- bug
  y[threadIdx.x] = room[i];
}
