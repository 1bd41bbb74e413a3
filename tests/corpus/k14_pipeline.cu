// Asynchronous copies by __pipeline_*, cuda::pipeline and cuda::barrier (mbarrier).
#include <cuda_pipeline.h>
#include <cuda/pipeline>
#include <cuda/barrier>
#include <cooperative_groups.h>
namespace cg=cooperative_groups;
extern "C" __global__ void pipe_prim(const float4*x,float4*y,int n){__shared__ float4 s[2][128]; int st=gridDim.x*128,i=blockIdx.x*128+threadIdx.x; if(i<n)__pipeline_memcpy_async(&s[0][threadIdx.x],&x[i],16); __pipeline_commit(); int b=0; for(;i<n;i+=st,b^=1){ if(i+st<n)__pipeline_memcpy_async(&s[b^1][threadIdx.x],&x[i+st],16); __pipeline_commit(); __pipeline_wait_prior(1); float4 v=s[b][threadIdx.x]; v.x*=2;v.y*=2;v.z*=2;v.w*=2; y[i]=v;}}
extern "C" __global__ void pipe_cuda(const int*x,int*y,int n){ extern __shared__ int s[]; auto b=cg::this_thread_block(); __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block,2> ss; auto p=cuda::make_pipeline(b,&ss); size_t B=b.size(); int nb=n/B; for(int k=0,f=0;k<nb;k++){ for(;f<nb&&f<k+2;f++){p.producer_acquire(); cuda::memcpy_async(b,s+(f%2)*B,x+f*B,cuda::aligned_size_t<4>(sizeof(int)*B),p); p.producer_commit();} p.consumer_wait(); y[k*B+b.thread_rank()]=s[(k%2)*B+b.thread_rank()]+1; p.consumer_release();}}
extern "C" __global__ void barrier_k(const int*x,int*y){ __shared__ cuda::barrier<cuda::thread_scope_block> bar; __shared__ int t[256]; if(threadIdx.x==0)init(&bar,blockDim.x); __syncthreads(); cuda::memcpy_async(&t[threadIdx.x],&x[blockIdx.x*256+threadIdx.x],4,bar); bar.arrive_and_wait(); y[blockIdx.x*256+threadIdx.x]=t[255-threadIdx.x];}
