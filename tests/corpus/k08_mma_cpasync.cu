// Tensor cores by mma.sync, ldmatrix with a swizzle, and a three-stage cp.async pipeline, in inline assembly.
#include <cuda_fp16.h>
#include <cstdint>
__device__ __forceinline__ uint32_t sptr(const void*p){return (uint32_t)__cvta_generic_to_shared(p);}
extern "C" __global__ void __launch_bounds__(128) hgemm_mma(const half* __restrict__ A,const half* __restrict__ B,float* __restrict__ C,int M,int N,int K){
 __shared__ __align__(128) half sa[3][64*32],sb[3][64*32]; int t=threadIdx.x,l=t&31,w=t>>5,wm=(w&1)*32,wn=(w>>1)*32; float acc[2][4][4]={};
 auto load=[&](int s,int k0){ for(int i=t;i<256;i+=128){int r=i/4,c=(i%4),cs=c^((r>>1)&3); asm volatile("cp.async.cg.shared.global [%0],[%1],16;"::"r"(sptr(&sa[s][r*32+cs*8])),"l"(A+(size_t)(blockIdx.y*64+r)*K+k0+c*8)); asm volatile("cp.async.cg.shared.global.L2::128B [%0],[%1],16;"::"r"(sptr(&sb[s][r*32+cs*8])),"l"(B+(size_t)(blockIdx.x*64+r)*K+k0+c*8));} asm volatile("cp.async.commit_group;"); };
 load(0,0); load(1,32); int nk=K/32;
 for(int k=0;k<nk;k++){ asm volatile("cp.async.wait_group 1;":::"memory"); __syncthreads(); if(k+2<nk)load((k+2)%3,(k+2)*32); else asm volatile("cp.async.commit_group;"); int s=k%3;
  #pragma unroll
  for(int kk=0;kk<2;kk++){ uint32_t a[2][4],b[4][2];
   #pragma unroll
   for(int i=0;i<2;i++){int r=wm+i*16+(l&15),c=(kk*2+(l>>4))^((r>>1)&3); asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];":"=r"(a[i][0]),"=r"(a[i][1]),"=r"(a[i][2]),"=r"(a[i][3]):"r"(sptr(&sa[s][r*32+c*8])));}
   #pragma unroll
   for(int j=0;j<4;j++){int r=wn+j*8+(l&7),c=(kk*2+((l>>3)&1))^((r>>1)&3); asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1},[%2];":"=r"(b[j][0]),"=r"(b[j][1]):"r"(sptr(&sb[s][r*32+c*8])));}
   #pragma unroll
   for(int i=0;i<2;i++)
   #pragma unroll
    for(int j=0;j<4;j++) asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};":"+f"(acc[i][j][0]),"+f"(acc[i][j][1]),"+f"(acc[i][j][2]),"+f"(acc[i][j][3]):"r"(a[i][0]),"r"(a[i][1]),"r"(a[i][2]),"r"(a[i][3]),"r"(b[j][0]),"r"(b[j][1])); } }
 for(int i=0;i<2;i++)for(int j=0;j<4;j++){size_t r=blockIdx.y*64+wm+i*16+l/4,c=blockIdx.x*64+wn+j*8+(l%4)*2; *(float2*)&C[r*N+c]=make_float2(acc[i][j][0],acc[i][j][1]); *(float2*)&C[(r+8)*N+c]=make_float2(acc[i][j][2],acc[i][j][3]);} }
