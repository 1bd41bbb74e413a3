// Serial sums by one thread, and Welford in bf16x2 with shuffles of three values and a tail of empty lanes.
#include <cuda_fp16.h>
#include <cuda_bf16.h>
extern "C" __global__ void layernorm_naive(const float* x,const float* g,const float* b,float* y,int n,float eps){
  int r=blockIdx.x; __shared__ float mean,rstd; if(threadIdx.x==0){float s=0,q=0;for(int i=0;i<n;i++){float v=x[(size_t)r*n+i];s+=v;q+=v*v;} mean=s/n; rstd=rsqrtf(q/n-mean*mean+eps);} __syncthreads();
  for(int i=threadIdx.x;i<n;i+=blockDim.x) y[(size_t)r*n+i]=(x[(size_t)r*n+i]-mean)*rstd*g[i]+b[i]; }
__device__ __forceinline__ void wel(float&m,float&M2,float&c,float mb,float M2b,float cb){float n=c+cb; if(n>0){float d=mb-m;m+=d*cb/n;M2+=M2b+d*d*c*cb/n;c=n;}}
extern "C" __global__ void layernorm_bf16(const __nv_bfloat162* __restrict__ x,const __nv_bfloat162* __restrict__ g,const __nv_bfloat162* __restrict__ b,__nv_bfloat162* __restrict__ y,int n2,float eps){
  __shared__ float sm[3][32]; const __nv_bfloat162*p=x+(size_t)blockIdx.x*n2; float m=0,M2=0,c=0;
  for(int i=threadIdx.x;i<n2;i+=blockDim.x){float2 f=__bfloat1622float2(p[i]); c+=1; float d=f.x-m; m+=d/c; M2+=d*(f.x-m); c+=1; d=f.y-m; m+=d/c; M2+=d*(f.y-m);}
  for(int o=16;o;o>>=1) wel(m,M2,c,__shfl_down_sync(~0u,m,o),__shfl_down_sync(~0u,M2,o),__shfl_down_sync(~0u,c,o));
  int l=threadIdx.x&31,w=threadIdx.x>>5; if(!l){sm[0][w]=m;sm[1][w]=M2;sm[2][w]=c;} __syncthreads();
  if(w==0){int nw=blockDim.x>>5; m=l<nw?sm[0][l]:0;M2=l<nw?sm[1][l]:0;c=l<nw?sm[2][l]:0; for(int o=16;o;o>>=1) wel(m,M2,c,__shfl_down_sync(~0u,m,o),__shfl_down_sync(~0u,M2,o),__shfl_down_sync(~0u,c,o)); if(!l){sm[0][0]=m;sm[1][0]=rsqrtf(M2/c+eps);}}
  __syncthreads(); m=sm[0][0]; float rs=sm[1][0];
  for(int i=threadIdx.x;i<n2;i+=blockDim.x){float2 f=__bfloat1622float2(p[i]); float2 gg=__bfloat1622float2(g[i]),bb=__bfloat1622float2(b[i]); f.x=(f.x-m)*rs*gg.x+bb.x; f.y=(f.y-m)*rs*gg.y+bb.y; y[(size_t)blockIdx.x*n2+i]=__float22bfloat162_rn(f);} }
