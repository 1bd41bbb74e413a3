// Tensor cores by wmma: f16 with f32 and with f16 accumulators, from global and from shared memory.
#include <mma.h>
#include <cuda_fp16.h>
using namespace nvcuda;
extern "C" __global__ void hgemm_wmma(const half* A,const half* B,float* C,int M,int N,int K){ int wm=(blockIdx.x*blockDim.x+threadIdx.x)/32,wn=blockIdx.y*blockDim.y+threadIdx.y; wmma::fragment<wmma::matrix_a,16,16,16,half,wmma::row_major>a; wmma::fragment<wmma::matrix_b,16,16,16,half,wmma::col_major>b; wmma::fragment<wmma::accumulator,16,16,16,float>c; wmma::fill_fragment(c,0.f);
 for(int k=0;k<K;k+=16){wmma::load_matrix_sync(a,A+(size_t)wm*16*K+k,K);wmma::load_matrix_sync(b,B+(size_t)wn*16*K+k,K);wmma::mma_sync(c,a,b,c);} wmma::store_matrix_sync(C+(size_t)wm*16*N+wn*16,c,N,wmma::mem_row_major);}
extern "C" __global__ void hgemm_wmma_smem(const half* A,const half* B,half* C,int M,int N,int K){ __shared__ half sa[64][40],sb[64][40]; int w=threadIdx.x/32; wmma::fragment<wmma::matrix_a,16,16,16,half,wmma::row_major>a; wmma::fragment<wmma::matrix_b,16,16,16,half,wmma::col_major>b; wmma::fragment<wmma::accumulator,16,16,16,half>c[4]; for(int j=0;j<4;j++)wmma::fill_fragment(c[j],__float2half(0.f));
 for(int k=0;k<K;k+=32){ for(int i=threadIdx.x*8;i<64*32;i+=blockDim.x*8){int r=i/32,q=i%32; *(uint4*)&sa[r][q]=*(const uint4*)&A[(size_t)(blockIdx.y*64+r)*K+k+q]; *(uint4*)&sb[r][q]=*(const uint4*)&B[(size_t)(blockIdx.x*64+r)*K+k+q];} __syncthreads(); for(int kk=0;kk<32;kk+=16){wmma::load_matrix_sync(a,&sa[w*16][kk],40); for(int j=0;j<4;j++){wmma::load_matrix_sync(b,&sb[j*16][kk],40);wmma::mma_sync(c[j],a,b,c[j]);}} __syncthreads(); }
 for(int j=0;j<4;j++)wmma::store_matrix_sync(C+(size_t)(blockIdx.y*64+w*16)*N+blockIdx.x*64+j*16,c[j],N,wmma::mem_row_major);}
