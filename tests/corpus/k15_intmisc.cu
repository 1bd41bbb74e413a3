// Integer intrinsics: dp4a, mulhi, prmt, shf, clz, brev, sad, 64-bit division; and Philox 4x32-10.
#include <cstdint>
extern "C" __global__ void int_misc(const uint32_t*x,const int8_t*q,uint64_t*o,int n){int i=blockIdx.x*blockDim.x+threadIdx.x; if(i>=n)return; uint32_t a=x[i],b=x[(i+1)%n]; int d=__dp4a((int)a,(int)b,3); uint64_t h=(uint64_t)a*b; h^=__umul64hi(h,0x9e3779b97f4a7c15ull); h=h/(b|1)+h%(a|1); h+=__clz(a)+__popc(b)+__brev(a)+__byte_perm(a,b,0x5140)+__funnelshift_l(a,b,i)+__ffsll(h)+__vaddus4(a,b)+__sad((int)a,(int)b,1u)+__mulhi((int)a,(int)b)+max((int)a,(int)b)+abs((int)a)+__usad(a,b,2); o[i]=h+d+q[i]+(int64_t)((int)a>>(b&31))+((int)a/7)+((int)b%13)+((int16_t)a*(int16_t)b); }
extern "C" __global__ void philox(uint4*o,uint32_t seed,int n){int i=blockIdx.x*blockDim.x+threadIdx.x; if(i>=n)return; uint4 c=make_uint4(i,0,0,0); uint32_t k0=seed,k1=0xCAFEF00D; 
#pragma unroll
for(int r=0;r<10;r++){uint32_t h0=__umulhi(0xD2511F53u,c.x),l0=0xD2511F53u*c.x,h1=__umulhi(0xCD9E8D57u,c.z),l1=0xCD9E8D57u*c.z; c=make_uint4(h1^c.y^k0,l1,h0^c.w^k1,l0); k0+=0x9E3779B9u;k1+=0xBB67AE85u;} o[i]=c;}
