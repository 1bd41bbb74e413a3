// A row per block: float4, shuffles, shared memory between warps, __expf and __frcp_rn.
#include <cuda_fp16.h>
__device__ __forceinline__ float wmax(float v){for(int o=16;o;o>>=1)v=fmaxf(v,__shfl_xor_sync(~0u,v,o));return v;}
__device__ __forceinline__ float wsum(float v){for(int o=16;o;o>>=1)v+=__shfl_xor_sync(~0u,v,o);return v;}
extern "C" __global__ void __launch_bounds__(256) softmax_opt(const float4* __restrict__ x, float4* __restrict__ y, int cols4){
  __shared__ float red[8]; int t=threadIdx.x,l=t&31,w=t>>5; const float4*p=x+(size_t)blockIdx.x*cols4; float m=-INFINITY;
  for(int i=t;i<cols4;i+=256){float4 v=p[i]; m=fmaxf(fmaxf(m,fmaxf(v.x,v.y)),fmaxf(v.z,v.w));}
  m=wmax(m); if(l==0)red[w]=m; __syncthreads(); m=l<8?red[l]:-INFINITY; m=wmax(m); __syncthreads();
  float s=0; for(int i=t;i<cols4;i+=256){float4 v=p[i]; s+=__expf(v.x-m)+__expf(v.y-m)+__expf(v.z-m)+__expf(v.w-m);}
  s=wsum(s); if(l==0)red[w]=s; __syncthreads(); s=l<8?red[l]:0; s=wsum(s); float inv=__frcp_rn(s);
  for(int i=t;i<cols4;i+=256){float4 v=p[i]; v.x=__expf(v.x-m)*inv;v.y=__expf(v.y-m)*inv;v.z=__expf(v.z-m)*inv;v.w=__expf(v.w-m)*inv; y[(size_t)blockIdx.x*cols4+i]=v;} }
