// A row per thread: f32, libm exp, uncoalesced loads, early return.
extern "C" __global__ void softmax_naive(const float* __restrict__ x, float* __restrict__ y, int rows, int cols){
  int r=blockIdx.x*blockDim.x+threadIdx.x; if(r>=rows) return;
  const float* p=x+(size_t)r*cols; float m=-INFINITY; for(int i=0;i<cols;i++) m=fmaxf(m,p[i]);
  float s=0; for(int i=0;i<cols;i++) s+=expf(p[i]-m);
  for(int i=0;i<cols;i++) y[(size_t)r*cols+i]=expf(p[i]-m)/s; }
