// The loop goes behind the end of a table that was passed by value, into local memory it was copied to.
//: kernel apply
//: launch grid=1 block=32
//: struct table float32 8 range
//: array x int32 32 range
//: array y float32 32 empty
//: fault out_of_bounds
struct Table { float value[8]; };
extern "C" __global__ void apply(Table table, const int *x, float *y) {
  Table own = table;
  own.value[x[threadIdx.x] & 7] += 1.0f;
#ifdef FIXED
  y[threadIdx.x] = own.value[x[threadIdx.x] & 7];
#else
  y[threadIdx.x] = own.value[x[threadIdx.x]];  // <- bug
#endif
}
